"""One Cap'n Proto message as Souk writes it: unpacked, one segment, every word reached once.

Written from docs/ledger-format.md section 10 and capnproto.org/encoding.html; no library.
"""

NESTING = 8  # levels of pointers

STRUCT, LIST = 0, 1  # the two low bits of a pointer
POINTERS, COMPOSITE = 6, 7  # codes of elements
ELEMENT_BITS = (0, 1, 8, 16, 32, 64, 64)


class Malformed(Exception):
    """Bytes that are no such message, or no such field."""


class Struct:
    """Data section and pointers; what is not there reads as zero or null (an older writer)."""

    def __init__(self, data, pointers):
        self.data, self.pointers = data, pointers

    def bits(self, offset, size):
        """An unsigned field of `size` bits at bit `offset`."""
        if size == 1:
            byte = self.data[offset // 8 : offset // 8 + 1]
            return (byte[0] >> offset % 8) & 1 if byte else 0
        # A field never straddles words, and a section is whole words but for elements of old lists.
        field = self.data[offset // 8 : (offset + size) // 8]
        return int.from_bytes(field, "little") if len(field) * 8 == size else 0

    def pointer(self, index):
        return self.pointers[index] if index < len(self.pointers) else None


class List:
    """`elements`: Structs where composite, targets where pointers; else None and only `data`."""

    def __init__(self, code, count, data=b"", elements=None, sizes=(0, 0)):
        self.code, self.count, self.data, self.elements = code, count, data, elements
        self.sizes = sizes  # of a composite element: words of data, pointers


EMPTY = Struct(b"", [])


class Walk:
    """Takes a segment apart from its root, marking words."""

    def __init__(self, segment):
        self.segment = segment
        self.words = len(segment) // 8
        self.reached = bytearray(self.words)

    def word(self, at):
        return int.from_bytes(self.segment[8 * at : 8 * at + 8], "little")

    def reach(self, at, count):
        if at < 0 or at + count > self.words:
            raise Malformed("a pointer that leaves the segment")
        if any(self.reached[at : at + count]):
            raise Malformed("a word that is reached twice")
        self.reached[at : at + count] = b"\1" * count
        return self.segment[8 * at : 8 * (at + count)]

    def pointer(self, at, nesting):
        word = self.word(at)
        if word == 0:
            return None
        if nesting == 0:
            raise Malformed("nested too deeply")
        offset = (word & 0xFFFFFFFF) >> 2
        if offset >= 1 << 29:  # 30 bits, signed
            offset -= 1 << 30
        target = at + 1 + offset
        if word & 3 == STRUCT:
            data, pointers = word >> 32 & 0xFFFF, word >> 48
            self.reach(target, data + pointers)
            return self.struct(target, data, pointers, nesting - 1)
        if word & 3 == LIST:
            return self.list(target, word >> 32 & 7, word >> 35, nesting - 1)
        raise Malformed("a far pointer or a capability")

    def struct(self, at, data, pointers, nesting):
        section = self.segment[8 * at : 8 * (at + data)]
        return Struct(section, [self.pointer(at + data + i, nesting) for i in range(pointers)])

    def list(self, target, code, count, nesting):
        if code == COMPOSITE:
            return self.composite(target, count, nesting)
        data = self.reach(target, (count * ELEMENT_BITS[code] + 63) // 64)
        if code == POINTERS:
            return List(code, count, elements=[self.pointer(target + i, nesting) for i in range(count)])
        return List(code, count, data=data)

    def composite(self, target, words, nesting):
        self.reach(target, words + 1)
        tag = self.word(target)
        count, data, pointers = (tag & 0xFFFFFFFF) >> 2, tag >> 32 & 0xFFFF, tag >> 48
        size = data + pointers
        if tag & 3 != STRUCT or count * size != words:
            raise Malformed("a list whose tag does not fit its size")
        if size == 0:  # nothing is there, however many are claimed
            return List(COMPOSITE, count)
        elements = [
            self.struct(target + 1 + i * size, data, pointers, nesting) for i in range(count)
        ]
        return List(COMPOSITE, count, elements=elements, sizes=(data, pointers))


def open_message(message):
    """The root struct of the framed message."""
    if len(message) < 16:
        raise Malformed("too short")
    if message[:4] != bytes(4):
        raise Malformed("more than one segment")
    if 8 + 8 * int.from_bytes(message[4:8], "little") != len(message):
        raise Malformed("the framing does not fit the size")
    walk = Walk(message[8:])
    walk.reach(0, 1)
    root = walk.pointer(0, NESTING)
    if not all(walk.reached):
        raise Malformed("words that nothing reaches")
    return as_struct(root)


def as_struct(target):
    if target is None:
        return EMPTY
    if not isinstance(target, Struct):
        raise Malformed("a list where a struct belongs")
    return target


def as_list(target):
    if target is None:
        return List(0, 0)
    if not isinstance(target, List):
        raise Malformed("a struct where a list belongs")
    return target


def as_data(target):
    if target is None:
        return b""
    found = as_list(target)
    if found.code != 2:
        raise Malformed("not a list of bytes")
    return found.data[: found.count]


def as_text(target):
    """Without the zero byte at its end."""
    if target is None:
        return b""
    data = as_data(target)
    if not data or data[-1] != 0:
        raise Malformed("a text without a zero byte at its end")
    return data[:-1]


def as_pointers(target, most):
    """Elements of a list of pointers; one of structs gives each one's first pointer."""
    found = as_list(target)
    if target is None:
        return []
    if found.code == COMPOSITE and found.sizes[1]:
        return [element.pointer(0) for element in bounded(found, most).elements]
    if found.code != POINTERS:
        raise Malformed("not a list of pointers")
    return bounded(found, most).elements


def as_numbers(target, bits, most):
    """Elements of a list of numbers; one of structs gives each one's first number."""
    found = as_list(target)
    if target is None:
        return []
    if found.code == COMPOSITE and found.sizes[0]:
        return [element.bits(0, bits) for element in bounded(found, most).elements]
    if found.code not in (2, 3, 4, 5) or ELEMENT_BITS[found.code] < bits:
        raise Malformed("not a list of such numbers")
    step = ELEMENT_BITS[found.code] // 8
    return [
        int.from_bytes(found.data[step * i : step * i + bits // 8], "little")
        for i in range(bounded(found, most).count)
    ]


def as_structs(target, most):
    """Elements of a list of structs; a number or a pointer is a struct's first field."""
    found = as_list(target)
    if target is None:
        return []
    if found.code == 1:
        raise Malformed("bits where structs belong")
    bounded(found, most)
    if found.code == COMPOSITE:
        return found.elements if found.elements is not None else [EMPTY] * found.count
    if found.code == POINTERS:
        return [Struct(b"", [element]) for element in found.elements]
    step = ELEMENT_BITS[found.code] // 8
    return [Struct(found.data[step * i : step * i + step], []) for i in range(found.count)]


def bounded(found, most):
    """Before anything is made of the elements: a list without size can claim any number."""
    if found.count > most:
        raise Malformed("too many")
    return found
