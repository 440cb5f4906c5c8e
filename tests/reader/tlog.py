"""C2SP's formats: signed notes, checkpoints, tiles, proofs. RFC 6962's tree.

https://c2sp.org/signed-note, /tlog-checkpoint, /tlog-cosignature, /tlog-tiles, /tlog-proof
"""

import base64
import binascii
import hashlib
import os

import ed25519_strict

WIDTH = 256
MOST_ENTRY, MOST_NOTE, MOST_SIGNATURES = 65535, 1 << 20, 100
MOST_SIZE = (1 << 63) - 1
EMPTY_ROOT = hashlib.sha256(b"").digest()


class Damage(Exception):
    """Bytes that are not what the key signed. `entry`: where that can be said."""

    def __init__(self, what, entry=None):
        super().__init__(what)
        self.entry = entry


def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def subtree_root(hashes):
    """MTH over hashes that stand for subtrees of one height; the last may be of a lower one."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(subtree_root(hashes[:split]), subtree_root(hashes[split:]))


# ---- Text ------------------------------------------------------------------------------------


def strict_base64(text):
    """With padding, no white space, unused bits zero."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Damage("no base64") from None
    if base64.b64encode(raw).decode() != text:
        raise Damage("no base64")
    return raw


def hash_line(text):
    raw = strict_base64(text)
    if len(raw) != 32:
        raise Damage("a hash has not 32 bytes")
    return raw


def decimal(text):
    if not text.isascii() or not text.isdigit() or len(text) > 19 or str(int(text)) != text:
        raise Damage(f"'{text[:30]}' is no number")
    if int(text) > MOST_SIZE:
        raise Damage(f"{text} is over its limit")
    return int(text)


def valid_name(name):
    return bool(name) and not any(c.isspace() or c < " " or c == "+" for c in name)


LOG, WITNESS = 1, 4  # types of keys


class Verifier:
    """name+hex8+base64(type || key)"""

    def __init__(self, vkey, kind=LOG):
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            self.id = bytes.fromhex(key_id)
            raw = strict_base64(encoded)
        except (ValueError, Damage):
            raise Damage("a verifier key reads NAME+HEX8+BASE64") from None
        if not valid_name(name) or len(key_id) != 8 or len(raw) != 33 or raw[0] != kind:
            raise Damage(f"a verifier key reads NAME+HEX8+BASE64, here of type {kind:02}")
        self.name, self.kind, self.key = name, kind, raw[1:]
        if hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4] != self.id:
            raise Damage("the verifier key's id does not fit its name and key")

    def vkey(self):
        encoded = base64.b64encode(bytes([self.kind]) + self.key).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"


def parse_note(note):
    """The text of a note, which is bytes, and (name, id and signature) of each line below it."""
    if len(note) > MOST_NOTE:
        raise Damage("a note of more than 1 MiB")
    try:
        text, blank, lines = note.decode("utf-8").rpartition("\n\n")
    except UnicodeDecodeError:
        raise Damage("a note that is not UTF-8") from None
    if not blank or not lines.endswith("\n"):
        raise Damage("a note without signature lines")
    if any(c < " " and c != "\n" for c in text + lines):
        raise Damage("control characters in a note")
    text += "\n"
    lines = lines[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise Damage("too many signatures")
    signatures = []
    for line in lines:
        dash, _, rest = line.partition(" ")
        name, space, encoded = rest.partition(" ")
        raw = strict_base64(encoded)
        if dash != "\u2014" or not space or not valid_name(name) or len(raw) <= 4:
            raise Damage("a line that is no signature")
        signatures.append((name, raw))
    return text, signatures


def made_by(verifier, signatures):
    return [raw[4:] for name, raw in signatures if (name, raw[:4]) == (verifier.name, verifier.id)]


def note_text(note, verifier):
    """The text of a note that the verifier's key signed."""
    text, signatures = parse_note(note)
    own = made_by(verifier, signatures)
    for signature in own:
        if not ed25519_strict.verify(verifier.key, signature, text.encode()):
            raise Damage(f"the signature of {verifier.name} does not verify")
    if not own:
        raise Damage("no signature by the log's key")
    return text


def cosigned_at(note, witness):
    """When the witness cosigned the note last, in seconds since 1970; None where it has not."""
    text, signatures = parse_note(note)
    latest = None
    for raw in made_by(witness, signatures):
        time = int.from_bytes(raw[:8], "big")
        if len(raw) != 72 or time > MOST_SIZE:
            raise Damage(f"the line of {witness.name} is no cosignature")
        message = f"cosignature/v1\ntime {time}\n{text}".encode()
        if not ed25519_strict.verify(witness.key, raw[8:], message):
            raise Damage(f"the cosignature of {witness.name} does not verify")
        latest = time if latest is None else max(latest, time)
    return latest


class Checkpoint:
    def __init__(self, note, verifier):
        lines = note_text(note, verifier).split("\n")[:-1]
        if len(lines) < 3 or any(not line for line in lines[3:]):
            raise Damage("a checkpoint has three lines, and none after them is empty")
        if lines[0] != verifier.name:
            raise Damage("a checkpoint of another log")
        self.origin, self.size, self.root = lines[0], decimal(lines[1]), hash_line(lines[2])


# ---- Tiles -----------------------------------------------------------------------------------


def tile_path(level, index, width):
    parts = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        parts.insert(0, f"x{index % 1000:03}")
    return f"tile/{level}/" + "/".join(parts) + (f".p/{width}" if width < WIDTH else "")


def read_part(folder, name, most):
    """A file that must be there."""
    try:
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise Damage(f"{name} is missing") from None
    if len(data) > most:
        raise Damage(f"{name} has more than {most} bytes")
    return data


def parse_bundle(data, width):
    entries, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        entry = data[at + 2 : at + 2 + size]
        if len(entries) == width or at + 2 + size > len(data):
            raise Damage("it holds more entries than belong in it, or ends within one")
        entries.append(entry)
        at += 2 + size
    if len(entries) != width:
        raise Damage(f"it holds {len(entries)} entries where {width} belong")
    return entries


class Tree:
    """Grows by entries, and compares every tile that becomes full with its file."""

    def __init__(self, folder):
        self.folder, self.size, self.levels = folder, 0, []

    def add(self, entry):
        carried = leaf_hash(entry)
        self.size += 1
        for level in range(8):
            if level == len(self.levels):
                self.levels.append([])
            row = self.levels[level]
            row.append(carried)
            if len(row) < WIDTH:
                return
            self.compare(level, (self.size >> 8 * (level + 1)) - 1, row)
            carried = subtree_root(row)
            row.clear()

    def compare(self, level, index, row):
        name = tile_path(level, index, len(row))
        if read_part(self.folder, name, 32 * WIDTH) != b"".join(row):
            raise Damage(f"{name} does not fit the entries")

    def compare_edge(self):
        for level, row in enumerate(self.levels):
            if row:
                self.compare(level, self.size >> 8 * (level + 1), row)

    def root(self):
        carried = []
        for row in self.levels:
            if row or carried:
                carried = [subtree_root(row + carried)]
        return carried[0] if carried else EMPTY_ROOT


def read_entries(folder, size):
    """(index, entry) of each; at most a bundle is in memory."""
    for bundle in range((size + WIDTH - 1) // WIDTH):
        width = min(size - bundle * WIDTH, WIDTH)
        name = tile_path("entries", bundle, width)
        try:
            entries = parse_bundle(read_part(folder, name, WIDTH * (2 + MOST_ENTRY)), width)
        except Damage as problem:
            raise Damage(f"{name}: {problem}", bundle * WIDTH) from None
        for place, entry in enumerate(entries):
            yield bundle * WIDTH + place, entry


# ---- Proofs ----------------------------------------------------------------------------------


class Proof:
    """c2sp.org/tlog-proof@v1"""

    def __init__(self, text):
        head, blank, self.checkpoint = text.partition(b"\n\n")
        lines = head.decode("utf-8", "replace").split("\n")
        if not blank or lines[0] != "c2sp.org/tlog-proof@v1":
            raise Damage("no proof")
        lines = lines[1:]
        if lines and lines[0].startswith("extra "):
            strict_base64(lines[0].removeprefix("extra "))
            lines = lines[1:]
        if not lines or not lines[0].startswith("index "):
            raise Damage("no index")
        self.index = decimal(lines[0].removeprefix("index "))
        self.hashes = [hash_line(line) for line in lines[1:]]

    def root(self, leaf, size):
        """What the path leads to from the leaf's hash. RFC 9162 section 2.1.3.2."""
        if self.index >= size:
            raise Damage("the proof is of an entry beyond its checkpoint")
        at, last, found = self.index, size - 1, leaf
        for one in self.hashes:
            if last == 0:
                raise Damage("a proof that is too long")
            if at & 1 or at == last:
                found = node_hash(one, found)
                while not at & 1 and at:
                    at, last = at >> 1, last >> 1
            else:
                found = node_hash(found, one)
            at, last = at >> 1, last >> 1
        if last:
            raise Damage("a proof that is too short")
        return found
