"""``lockml init``: a folder in; what locks it, builds an image of it and checks that, out."""
