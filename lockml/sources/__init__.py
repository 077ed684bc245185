"""What source trees hold: direct references and source archives in, their metadata out, built only where allowed."""
