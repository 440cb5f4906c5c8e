"""Souk's structs: where their fields lie, and what they may say.

TABLE is the table of docs/ledger-format.md section 10, word for word; a test compares the two, and the
offsets that follow from it with those that `capnp compile` finds.
"""

import capnp_words
from capnp_words import Malformed

TABLE = """
Transfer         id digest, kind enum 4, debit digest, credit digest, amount credits, pending digest, timeout time0
Opened           name text 256, peer digest
Resumed          downSince time
Published        transfers list 128 Transfer
LeaseStep        lease digest, event enum 17, to enum 7, reason reason, metered span, due credits, transfers list 128 Transfer
Ordered          lease digest
EscrowSeen       lease digest, escrow digest, bookSize u64, bookRoot digest
VoucherTaken     lease digest, best credits
JobStep          job digest, lease digest, event enum 6, status enum 3
Booked           transfers list 128 Transfer
Shown            escrow digest, lease digest
Settled          lease digest, escrow digest, paid credits
ChallengeStep    challenge digest, lease digest, event enum 6, status enum 5, sentence text 512
Replicated       round digest, jobs list 16 digest, agree u32 1 16
Upgraded         from u32 1 4294967295, to u32 1 4294967295
Entry            sequence u64, time time, rules u32 1 4294967295, outcome union, documents list 8 data 16384
Card             name text 64, endpoints list 8 text 256, curve digest, checkpointKey digest, logName text 256, epoch u32, successor digest, provides bool, clears bool, rents bool, sequence u64, issued time, expires time, peer digest, openLog bool, readers list 16 digest, logUrl text 256, witnessKey digest-or-none
Offer            sequence u64, issued time, expires time, deviceKind word, model text 64, architecture u32, memoryBytes u64, count u32 1 1024, slices u32 0 1024, driver text 64, cudaVersion u32, newestPtx u32, grade enum 2, fp32Mflops u64, jail enum 2, price price, interruptiblePrice price-or-none, holdPrice price, holdFee credits, grace span, notice span, longestInterval span, minDuration span, maxDuration span, region region, clearingPeers list 16 digest, bondShare credits, bandwidthKbps u64, peer digest, verdict data 4229
Withdrawal       sequence u64, issued time, peer digest
Issue            account digest, amount credits, reference text 256, issued time
Escrow           book digest, account digest, payee digest, nonce digest, voucherKey digest, amount credits, acceptBy time, timeout time
Voucher          lease digest, book digest, amount credits
Post             escrow digest, amount credits, voucher data 16384, lease digest
Void             escrow digest, lease digest
Order            offer digest, provider digest, nonce digest, book digest, account digest, escrow digest, voucherKey digest, slices u32 1 1024, price price, duration span, maxCost credits, holdFee credits, issued time, expires time
Acceptance       order digest, fence u64, accepted time, commitBy time, readyBy time, settleBy time, device text 64
Commit           lease digest, number u64, acceptance digest, nonce digest
Ready            lease digest, number u64, commit digest, answer digest, ready time, end time
BlobRef          digest digest, size u64 0 4294967296
Job              lease digest, number u64, workload BlobRef, blobs list 128 BlobRef, title text 64, sealed bool
JobOutput        name text 64, blob BlobRef
JobReceipt       job digest, lease digest, fence u64, status enum 3, sentence text 512, device text 64, deviceName text 64, architecture u32, driver text 64, workload digest, outputs list 64 JobOutput, statesRoot digest, launches u64, threadInstructions u64, resultClass word, started time0, finished time
JobSeal          job digest, lease digest, fence u64, receipt digest
JobReveal        job digest, lease digest, seal digest
Release          lease digest, number u64
Close            lease digest, number u64, reason reason, metered span, due credits, best credits
Challenge        lease digest, number u64, nonce digest, devices list 16 text 64, deviceKind word, model text 64, size u32 64 65536, rows u32 1 256, deadline span 600000, secretDigest digest, issued time
ChallengeRoot    lease digest, number u64, challenge digest, root digest, took span
ChallengeRows    lease digest, number u64, challenge digest, root digest, rows list 256 u32 0 65535
ChallengeOpening lease digest, number u64, challenge digest, rows digest, blob BlobRef
ChallengeResult  challenge digest, lease digest, device text 64, status enum 5, took span
ChallengeVerdict nonce digest, provider digest, deviceKind word, model text 64, size u32 64 65536, rows u32 1 256, deadline span 600000, results list 16 ChallengeResult, secret digest, judged time, expires time
"""

# The alternatives of an entry's union, by number; all of them share one pointer.
OUTCOMES = (
    "Opened Resumed Published LeaseStep Ordered EscrowSeen VoucherTaken JobStep Booked Shown Settled"
    " ChallengeStep Replicated Upgraded"
).split()

# Kinds of documents that stand in logs: their struct, and the most bytes of a payload.
SMALL, LARGE = 4096, 16384
KINDS = {
    "card": ("Card", LARGE),
    "offer": ("Offer", LARGE),
    "withdrawal": ("Withdrawal", LARGE),
    "issue": ("Issue", SMALL),
    "escrow": ("Escrow", SMALL),
    "voucher": ("Voucher", SMALL),
    "post": ("Post", LARGE),
    "void": ("Void", LARGE),
    "order": ("Order", SMALL),
    "acceptance": ("Acceptance", SMALL),
    "commit": ("Commit", SMALL),
    "ready": ("Ready", SMALL),
    "job": ("Job", LARGE),
    "job-receipt": ("JobReceipt", LARGE),
    "job-seal": ("JobSeal", SMALL),
    "job-reveal": ("JobReveal", SMALL),
    "release": ("Release", SMALL),
    "close": ("Close", SMALL),
    "challenge": ("Challenge", SMALL),
    "challenge-root": ("ChallengeRoot", SMALL),
    "challenge-rows": ("ChallengeRows", SMALL),
    "challenge-opening": ("ChallengeOpening", SMALL),
    "challenge-verdict": ("ChallengeVerdict", SMALL),
}
# Those that travel only.
OTHER_KINDS = set(
    "hello have want bundle refusal carry reply blob-get blob-chunk escrow-fetch show account-query"
    " statement voucher-ack progress lease-query head fork consistency-get consistency"
    " add-checkpoint cosigned entry-get entries-get entries".split()
)

CLOSE_REASONS = (0, 1000, 1001, 1002, 1003, 1004, 2000, 2001, 2002, 2003, 3000, 3001, 3002)
MOST_CREDITS, MOST_PRICE = 10**15, 10**12
EARLIEST, LATEST = 946_684_800_000, 7_258_118_400_000
LONGEST = 366 * 24 * 3_600_000
WEEK = 7 * 24 * 3_600_000

SIZES = {  # bits of data; what is not here is a pointer
    "u64": 64, "time": 64, "time0": 64, "credits": 64, "price": 64, "price-or-none": 64, "span": 64,
    "u32": 32, "enum": 16, "reason": 16, "bool": 1,
}  # fmt: skip


class Field:
    def __init__(self, text):
        self.name, self.type, *self.arguments = text.split()
        self.size = SIZES.get(self.type, 0)
        self.at = None  # bit, or pointer


class Layout:
    """Cap'n Proto's rule: each field, in order, takes the smallest gap that fits, or a new word."""

    def __init__(self, fields):
        self.fields = [Field(text) for text in fields.split(", ")]
        self.words, self.pointers, self.gaps = 0, 0, {}
        for field in self.fields:
            if field.type == "union":  # its tag; then the pointer
                self.tag_at = self.place(16)
            if field.size:
                field.at = self.place(field.size)
            else:
                field.at = self.pointers
                self.pointers += 1

    def place(self, size):
        if size in self.gaps:
            return self.gaps.pop(size)
        if size == 64:
            self.words += 1
            return 64 * (self.words - 1)
        at = self.place(2 * size)
        self.gaps[size] = at + size
        return at


LAYOUTS = {}
for line in TABLE.strip().splitlines():
    struct_name, struct_fields = line.split(maxsplit=1)
    LAYOUTS[struct_name] = Layout(struct_fields)


class NewerRules(Exception):
    """An entry that follows rules which the reader does not know: it cannot be judged."""


def signed(number):
    return number - (1 << 64) if number >> 63 else number


def check_number(number, least, most):
    if not least <= number <= most:
        raise Malformed("over its limit" if number > most else "too small")
    return number


def check_text(data, most):
    if len(data) > most:
        raise Malformed("too long")
    try:
        text = data.decode("utf-8")  # strict: no overlong forms, no surrogates
    except UnicodeDecodeError:
        raise Malformed("not UTF-8") from None
    for character in text:
        code = ord(character)
        control = code < 0x20 or 0x7F <= code <= 0x9F
        if control or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069:
            raise Malformed("not plain text")
    return text


def check_word(data):
    text = check_text(data, 64)
    if not all(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in text):
        raise Malformed("not a word of a-z, 0-9 and '-'")
    return text


def check_region(data):
    text = check_text(data, 2)
    if len(text) == 1 or not all("A" <= c <= "Z" for c in text):
        raise Malformed("not two capital letters")
    return text


def read_number(kind, arguments, bits):
    if kind == "time0" and bits == 0:
        return 0
    if kind in ("time", "time0"):
        return check_number(signed(bits), EARLIEST, LATEST)
    if kind == "credits":
        return check_number(signed(bits), 0, MOST_CREDITS)
    if kind == "price":
        return check_number(signed(bits), 0, MOST_PRICE)
    if kind == "price-or-none":  # the default, -1, is stored as zero: XOR
        bits ^= (1 << 64) - 1
        return None if signed(bits) == -1 else check_number(signed(bits), 0, MOST_PRICE)
    if kind == "span":
        return check_number(signed(bits), 0, int(arguments[0]) if arguments else LONGEST)
    if kind == "enum":
        return check_number(bits, 0, int(arguments[0]))
    if kind == "reason":
        if bits not in CLOSE_REASONS:
            raise Malformed("an unknown code")
        return bits
    if arguments:  # u32 and u64 with bounds
        return check_number(bits, int(arguments[0]), int(arguments[1]))
    return bits


def read_pointer(kind, arguments, target):
    if kind in ("digest", "digest-or-none"):
        data = capnp_words.as_data(target)
        if len(data) == 0 and kind == "digest-or-none":
            return None
        if len(data) != 32:
            raise Malformed("not 32 bytes")
        return data
    if kind == "data":
        data = capnp_words.as_data(target)
        if len(data) > int(arguments[0]):
            raise Malformed("too many bytes")
        return data
    if kind == "text":
        return check_text(capnp_words.as_text(target), int(arguments[0]))
    if kind == "word":
        return check_word(capnp_words.as_text(target))
    if kind == "region":
        return check_region(capnp_words.as_text(target))
    if kind == "list":
        return read_list(int(arguments[0]), arguments[1], arguments[2:], target)
    return read_struct(kind, capnp_words.as_struct(target))


def read_list(most, kind, arguments, target):
    if kind in SIZES:
        numbers = capnp_words.as_numbers(target, SIZES[kind], most)
        return [read_number(kind, arguments, bits) for bits in numbers]
    if kind in LAYOUTS:
        return [read_struct(kind, element) for element in capnp_words.as_structs(target, most)]
    return [read_pointer(kind, arguments, one) for one in capnp_words.as_pointers(target, most)]


def read_struct(name, struct, newest_rules=None):
    """{field: value}; an entry's union is {"outcome": (name, {...})}."""
    out = {}
    layout = LAYOUTS[name]
    for field in layout.fields:
        try:
            if field.type == "union":
                out[field.name] = read_union(struct, layout.tag_at, field.at)
            elif field.size:
                bits = struct.bits(field.at, field.size)
                out[field.name] = read_number(field.type, field.arguments, bits)
            else:
                target = struct.pointer(field.at)
                out[field.name] = read_pointer(field.type, field.arguments, target)
        except Malformed as problem:
            raise Malformed(f"{field.name}: {problem}") from None
        # Later fields of an entry may be such as this reader does not know.
        if field.name == "rules" and newest_rules is not None and out["rules"] > newest_rules:
            raise NewerRules
    check_whole(name, out)
    return out


def read_union(struct, tag_at, pointer):
    tag = struct.bits(tag_at, 16)
    if tag >= len(OUTCOMES):
        raise Malformed("an unknown value")
    inner = capnp_words.as_struct(struct.pointer(pointer))
    return OUTCOMES[tag], read_struct(OUTCOMES[tag], inner)


def check_whole(name, fields):
    """What fields must satisfy together."""
    if name == "Offer" and (
        fields["minDuration"] > fields["maxDuration"] or not fields["deviceKind"]
    ):
        raise Malformed("minDuration is over maxDuration, or no kind of device")
    if name in ("Challenge", "ChallengeVerdict"):
        size = fields["size"]
        if size & (size - 1) or fields["rows"] > size:
            raise Malformed("size is no power of two, or there are more rows than it")
    if name == "Challenge":
        devices = fields["devices"]
        if not devices or len(set(devices)) < len(devices):
            raise Malformed("no device, or one that is named twice")
    if name == "ChallengeRows":
        rows = fields["rows"]
        if not rows or any(a >= b for a, b in zip(rows, rows[1:])):
            raise Malformed("no rows, or rows that do not grow")
    if name == "ChallengeVerdict":
        if not fields["results"] or not 0 <= fields["expires"] - fields["judged"] <= WEEK:
            raise Malformed("no result, or expires is not within a week of judged")
