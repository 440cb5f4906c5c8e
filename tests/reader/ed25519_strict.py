"""Ed25519 as libsodium's crypto_sign_verify_detached judges it.

OpenSSL, which python3-cryptography calls, takes more. What it takes too much is refused here first, in
plain integers; docs/ledger-format.md section 10 lists it.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SIGN = 1 << 255  # the bit of an encoded point that is no part of y


def square_root(square):
    """None where there is none. RFC 8032 section 5.1.3."""
    root = pow(square, (P + 3) // 8, P)
    if (root * root - square) % P != 0:
        root = root * pow(2, (P - 1) // 4, P) % P
    return root if (root * root - square) % P == 0 else None


def small_order_ys():
    """Of the eight points whose order divides 8. Those of order 8 double to y = 0, so that their
    x^2 = -y^2, and the curve's equation -x^2 + y^2 = 1 + d x^2 y^2 becomes d y^4 + 2 y^2 - 1 = 0."""
    ys = {0, 1, P - 1}
    root = square_root((1 + D) % P)
    for sign in (1, -1):
        y = square_root((-1 + sign * root) * pow(D, -1, P) % P)
        if y is not None:
            ys |= {y, P - y}
    return ys


SMALL_ORDER_YS = small_order_ys()


def y_of(point):
    return int.from_bytes(point, "little") & (SIGN - 1)


def verify(key, signature, message):
    if len(key) != 32 or len(signature) != 64:
        return False
    if int.from_bytes(signature[32:], "little") >= L:
        return False
    for point in (key, signature[:32]):
        y = y_of(point)
        if y >= P or y % P in SMALL_ORDER_YS:
            return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False
