def attack(arguments):
    return 0
