"""Whether ed25519_strict judges as libsodium did.

  check_signatures.py FILE

Each line of FILE: key, signature, message, each in hex, and 1 where libsodium takes it. Prints how many
there are, and how many OpenSSL alone would have taken that libsodium refuses.
"""

import sys

import ed25519_strict
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def openssl_takes(key, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


def main():
    count = lenient = wrong = 0
    with open(sys.argv[1], encoding="ascii") as file:
        for line in file:
            *parts, verdict = line.split(",")
            key, signature, message = (bytes.fromhex(part) for part in parts)
            taken = verdict.strip() == "1"
            count += 1
            lenient += not taken and openssl_takes(key, signature, message)
            if ed25519_strict.verify(key, signature, message) != taken:
                wrong += 1
                print(f"libsodium says {taken}: {line}", end="", file=sys.stderr)
    print(count, lenient)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
