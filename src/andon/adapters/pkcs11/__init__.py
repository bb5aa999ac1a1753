"""The door of `python-pkcs11`: keys that live on a token or in a hardware module and never leave it."""
