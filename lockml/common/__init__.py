"""What every stage uses: errors, targets, identities, references, and small helpers."""
