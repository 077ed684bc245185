"""``lockml init``: set up a folder to lock it, build an image and check that."""
