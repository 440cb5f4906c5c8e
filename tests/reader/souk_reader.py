#!/usr/bin/env python3
"""A second reader of Souk's ledgers: checks a directory that `souk-audit export --tiles` wrote.

  souk_reader.py DIR... [--key VKEY] [--proof FILE]... [--witness VKEY]... [--quorum K]
                 [--most N] [--json]

Written from docs/ledger-format.md and docs/protocol.md; of Souk's own code it shares nothing. It checks the
checkpoint's signature, every tile and the root, every entry's bytes, every signature (R1), and of R3
and R4 what one entry after the other shows. It keeps no books: breaches of R5, R6 and R7 it does not
see. The witnesses are those that the caller names; where fewer than K of them (floor(2n/3) + 1 of n)
cosigned the checkpoint, the verdict is INCOMPLETE; where more than n - K cosigned it over 61 s before its
last entry's time, INVALID. VALID exits 0, INVALID and INCOMPLETE 1, 2 where nothing could be checked.
"""

import argparse
import errno
import json
import os
import sys

import capnp_words
import ed25519_strict
import souk_layout
import tlog
from capnp_words import Malformed
from tlog import Damage

RULES = 1  # the newest version of the rules that this reader knows
MOST_DOCUMENT = 16384
MOST_FINDINGS = 1000  # that are said, where --most says nothing else

# The names that souk-audit gives to what both check.
SIGNED = ("R1", "every document is signed")
SIGNER = ("R1", "documents are signed by whom they bind")
LOG = ("R3", "the log is what was signed")
READABLE = ("R3", "every entry can be read")
SEQUENCE = ("R3", "the sequence is the index")
OPENED = ("R3", "a log opens once, under its own name")
VERSIONS = ("R3", "rules versions never fall")
UPGRADES = ("R3", "an upgrade starts each rules version")
EVIDENCE = ("R3", "an outcome stands with its documents")
TIMES = ("R4", "log time never runs back")
DOWNTIME = ("R4", "downtime begins with the entry before it")
WITNESSED = ("R4", "no entry is dated ahead of its witnesses")

# Twice the skew that is allowed, and the part of a second that a cosignature does not say.
APART = 61_000
MOST_SECONDS = 2**53 // 1000  # later than every entry


# ---- Names -----------------------------------------------------------------------------------

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def bech32m_checksum(values):
    """BIP 350."""
    checksum = 1
    for value in values:
        top, checksum = checksum >> 25, (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, part in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            checksum ^= part if top >> bit & 1 else 0
    return checksum ^ 0x2BC830A3


def peer_name(key):
    """souk1… of 32 bytes."""
    padded = int.from_bytes(key, "big") << 4  # 256 bits and 4 of padding: 52 groups of five
    groups = [padded >> 5 * i & 31 for i in reversed(range(52))]
    prefix = [ord(c) >> 5 for c in "souk"] + [0] + [ord(c) & 31 for c in "souk"]
    checksum = bech32m_checksum(prefix + groups + [0] * 6)
    groups += [checksum >> 5 * i & 31 for i in reversed(range(6))]
    return "souk1" + "".join(ALPHABET[group] for group in groups)


def peer_of_origin(origin):
    """The key in "souk/souk1…", or None."""
    name = origin.removeprefix("souk/souk1")
    if len(name) != 58 or any(c not in ALPHABET for c in name):
        return None
    padded = 0
    for c in name[:52]:
        padded = padded << 5 | ALPHABET.index(c)
    key = (padded >> 4).to_bytes(32, "big")
    return key if origin == "souk/" + peer_name(key) else None


# ---- Documents -------------------------------------------------------------------------------


class BadSignature(Exception):
    pass


class Document:
    """An envelope, taken apart and verified; `fields` are not read yet."""

    def __init__(self, envelope):
        if len(envelope) > MOST_DOCUMENT:
            raise Malformed("a document has at most 16 KiB")
        size = envelope[0] if envelope else 0
        kind, rest = envelope[1 : 1 + size], envelope[1 + size :]
        if not 1 <= size <= 32 or len(rest) < 100 or not all(c in b"abcdefghijklmnopqrstuvwxyz-" for c in kind):
            raise Malformed("not a signed document")
        self.signer, signature, self.payload = rest[:32], rest[32:96], rest[100:]
        if int.from_bytes(rest[96:100], "little") != len(self.payload):
            raise Malformed("not a signed document")
        self.kind = kind.decode()
        if self.kind not in souk_layout.KINDS and self.kind not in souk_layout.OTHER_KINDS:
            raise Malformed(f"unknown kind of document: {self.kind}")
        covered = b"souk/v1/" + kind + b"\0" + self.payload
        if not ed25519_strict.verify(self.signer, signature, covered):
            raise BadSignature(f"{self.kind}: the signature is not its signer's")

    def read(self):
        """The payload's fields; of a kind that stands in no log, None."""
        struct, most = souk_layout.KINDS.get(self.kind, (None, 0))
        if struct is None:
            return None
        if len(self.payload) > most:
            raise Malformed("too many bytes")
        return souk_layout.read_struct(struct, capnp_words.open_message(self.payload))


CLOSE = [("close",)]
LEASE_DOCUMENTS = {  # by the number of the event; None: not written yet
    0: [("order", "acceptance"), ("acceptance",)],
    1: [("commit",)],
    2: CLOSE,
    3: [("ready",)],
    4: [()],
    5: CLOSE,
    6: [()],
    7: None,
    8: [()],
    9: CLOSE,
    10: None,
    11: None,
    12: None,
    13: [("release", "close"), ("release",), ("close",)],
    14: CLOSE,
    15: CLOSE,
    16: [()],
    17: [()],
}
JOB_DOCUMENTS = {
    0: [("job",)],
    1: [("job",)],
    2: [()],
    3: [("job-receipt",), ()],
    4: [()],
    5: [("job-seal",)],
    6: [("job-reveal",)],
}
CHALLENGE_DOCUMENTS = {
    0: [("challenge",)],
    1: [("challenge",)],
    2: [("challenge-root",)],
    3: [("challenge-rows",)],
    4: [("challenge-opening",)],
    5: [("challenge-verdict",)],
    6: [()],
}
TRANSFER_DOCUMENTS = {0: ("issue",), 1: ("escrow",), 2: ("post",), 3: ("void",), 4: ()}
DOCUMENTS = {
    "Opened": [(), ("card",)],
    "Resumed": [()],
    "Ordered": [("escrow", "order")],
    "EscrowSeen": [("escrow",), ()],
    "VoucherTaken": [("voucher",)],
    "Shown": [("order", "acceptance")],
    "Settled": [()],
    "Replicated": [()],
    "Upgraded": [()],
}


def may_stand_with(outcome, fields, kinds):
    """Whether these kinds of documents may stand beside the outcome, in some role's log."""
    if outcome == "Published":
        return all(kind in ("offer", "withdrawal") for kind in kinds)
    if outcome == "Booked":
        expected = [TRANSFER_DOCUMENTS[transfer["kind"]] for transfer in fields["transfers"]]
        return kinds == sum(expected, ())
    table = {
        "LeaseStep": LEASE_DOCUMENTS,
        "JobStep": JOB_DOCUMENTS,
        "ChallengeStep": CHALLENGE_DOCUMENTS,
    }
    allowed = table[outcome][fields["event"]] if outcome in table else DOCUMENTS[outcome]
    return allowed is None or kinds in allowed


# ---- The log ---------------------------------------------------------------------------------


class Audit:
    """Entries in order; findings as (entry, rule, name, sentence)."""

    def __init__(self, origin, most):
        self.findings, self.more, self.most = [], 0, most
        self.signatures = 0
        self.peer = peer_of_origin(origin)
        self.name, self.origin = None, origin
        self.time, self.rules, self.any = 0, 0, False
        self.last = None  # the newest entry that reads
        self.newer = 0
        if self.peer is None:
            self.find(0, OPENED, f"the checkpoint's name '{origin}' is no peer's")

    def find(self, entry, rule, what):
        if len(self.findings) == self.most:
            self.more += 1
            return
        self.findings.append({"entry": entry, "rule": rule[0], "name": rule[1], "what": what})

    def add(self, index, leaf):
        try:
            root = capnp_words.open_message(leaf)
            fields = souk_layout.read_struct("Entry", root, newest_rules=RULES)
        except souk_layout.NewerRules:
            self.newer += 1
            return
        except Malformed as problem:
            self.find(index, READABLE, f"entry: {problem}")
            return
        if self.newer:
            self.find(index, VERSIONS, "known rules after newer ones")
        self.last = index
        outcome, inner = fields["outcome"]
        documents = [self.open(index, i, one) for i, one in enumerate(fields["documents"])]
        self.check_version(index, fields["rules"], outcome, inner)
        self.check_frame(index, fields)
        if index == 0 and outcome != "Opened":
            self.find(0, OPENED, "the first entry does not open the log")
        if outcome == "Opened":
            self.check_opened(index, inner, documents)
        if outcome == "Resumed" and inner["downSince"] != self.before:
            self.find(index, DOWNTIME, "it was down since another time than the entry before it says")
        kinds = tuple(document.kind for document in documents if document)
        if None not in documents and not may_stand_with(outcome, inner, kinds):
            self.find(index, EVIDENCE, f"{outcome} with {', '.join(kinds) or 'no document'}")

    def open(self, index, place, envelope):
        """The document, verified and read; None, and a finding, where it is none."""
        self.signatures += 1
        try:
            document = Document(envelope)
        except BadSignature as problem:
            self.find(index, SIGNED, f"document {place}: {problem}")
            return None
        except Malformed as problem:
            self.find(index, READABLE, f"document {place}: {problem}")
            return None
        try:
            document.fields = document.read()
        except Malformed as problem:
            document.fields = None
            self.find(index, EVIDENCE, f"{document.kind}: {problem}")
        # A post carries the voucher that it rests on.
        if document.kind == "post" and document.fields:
            self.open(index, f"{place}, the post's voucher", document.fields["voucher"])
        return document

    def check_version(self, index, rules, outcome, inner):
        before, self.rules = self.rules, max(self.rules, rules)
        if rules < before:
            self.find(index, VERSIONS, f"rules version {rules} after {before}")
        elif outcome == "Upgraded":
            if not inner["from"] == before < inner["to"] == rules:
                self.find(index, UPGRADES, f"from {inner['from']} to {inner['to']}, after {before}")
        elif self.any and rules != before:
            self.find(index, UPGRADES, f"rules version {rules} after {before}, without an upgrade")

    def check_frame(self, index, fields):
        self.before = self.time
        if fields["sequence"] != index:
            self.find(index, SEQUENCE, f"it says {fields['sequence']}")
        if self.any and fields["time"] < self.time:
            self.find(index, TIMES, f"{self.time - fields['time']} ms before the entry before it")
        self.time = max(self.time, fields["time"])
        self.any = True

    def check_opened(self, index, opened, documents):
        if index != 0:
            self.find(index, OPENED, "a log opens with its first entry only")
        if opened["peer"] != self.peer:
            self.find(index, OPENED, "it names another peer than the checkpoint's name does")
        self.name = opened["name"]
        for card in documents:
            if not card or card.kind != "card" or not card.fields:
                continue
            if card.signer != self.peer or card.fields["logName"] != self.origin:
                self.find(index, SIGNER, "the card beside it is not this peer's own")


class Reader:
    def __init__(self, folder, vkey, witnesses=(), quorum=0):
        self.folder, self.witnesses, self.quorum = folder, witnesses, quorum
        self.report = {"verdict": "INVALID", "dir": folder, "findings": [], "more_findings": 0}
        self.vkey = vkey

    def find_key(self):
        """--key, or the file vkey; where both are there they must agree."""
        try:
            beside = tlog.read_part(self.folder, "vkey", 1024).decode("utf-8", "replace")
        except Damage:
            if self.vkey:
                return self.vkey
            raise OSError(errno.ENOENT, "missing; give the key with --key", "vkey") from None
        try:
            beside = tlog.Verifier(beside.removesuffix("\n"))
        except Damage as problem:
            raise Damage(f"vkey: {problem}") from None
        if self.vkey and self.vkey.name != beside.name:
            raise OSError(errno.EINVAL, "of another log", "--key")
        if self.vkey and self.vkey.vkey() != beside.vkey():
            raise Damage("the vkey file says another key than --key")
        return self.vkey or beside

    def run(self, proofs, most):
        verifier = self.find_key()
        self.report["key"] = verifier.vkey()
        note = tlog.read_part(self.folder, "checkpoint", tlog.MOST_NOTE)
        head = tlog.Checkpoint(note, verifier)
        times = {one.vkey(): tlog.cosigned_at(note, one) for one in self.witnesses}
        cosigned = sum(time is not None for time in times.values())
        proofs = [OpenProof(path, verifier) for path in proofs]
        tree, audit = tlog.Tree(self.folder), Audit(head.origin, most)
        for index, leaf in tlog.read_entries(self.folder, head.size):
            tree.add(leaf)
            for proof in proofs:
                proof.at(index, leaf, tree)
            audit.add(index, leaf)
        tree.compare_edge()
        if tree.root() != head.root:
            raise Damage("the entries do not lead to the root that the checkpoint signs")
        for proof in proofs:
            proof.finish()
        self.compare_times(audit, head.size, times.values())
        self.report.update(
            entries=head.size,
            root=head.root.hex(),
            name=audit.name,
            signatures=audit.signatures,
            proofs=len(proofs),
            newer_entries=audit.newer,
            cosigned=times,
            missing_cosignatures=max(self.quorum - cosigned, 0),
            findings=audit.findings,
            more_findings=audit.more,
            verdict="INVALID" if audit.findings else "VALID",
        )
        if not audit.findings and (audit.newer or cosigned < self.quorum):
            self.report["verdict"] = "INCOMPLETE"


    def compare_times(self, audit, size, times):
        """Times never run back, so that the last entry is the latest; it is not judged unread."""
        if size == 0 or audit.last != size - 1:
            return
        early = [
            time
            for time in times
            if time is not None and time < MOST_SECONDS and audit.time - time * 1000 > APART
        ]
        if early and len(early) > len(self.witnesses) - max(self.quorum, 1):
            audit.find(size - 1, WITNESSED, f"{audit.time} ms, cosigned at {max(early)} s")


class OpenProof:
    """An inclusion proof for an entry of the directory, under a checkpoint of the same log."""

    def __init__(self, path, verifier):
        self.path, self.checked, self.rooted = path, False, False
        with self.named():
            self.proof = tlog.Proof(tlog.read_part(".", path, 1 << 21))
            self.head = tlog.Checkpoint(self.proof.checkpoint, verifier)

    def named(self):
        return Naming(self.path)

    def at(self, index, leaf, tree):
        with self.named():
            if index == self.proof.index:
                if self.proof.root(tlog.leaf_hash(leaf), self.head.size) != self.head.root:
                    raise Damage("it does not lead to its checkpoint's root", index)
                self.checked = True
            if tree.size == self.head.size:
                if tree.root() != self.head.root:
                    raise Damage("its checkpoint is of another tree")

    def finish(self):
        with self.named():
            if not self.checked:
                raise Damage(f"there is no entry {self.proof.index}")


class Naming:
    """Says which file a damage was found in."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        return self

    def __exit__(self, kind, problem, trace):
        if isinstance(problem, Damage):
            raise Damage(f"{self.name}: {problem}", problem.entry) from None
        return False


def misuse(sentence):
    print(f"souk_reader: {sentence}", file=sys.stderr)
    return 2


def show(report):
    for finding in report["findings"]:
        place = "the log" if finding["entry"] is None else f"entry {finding['entry']}"
        print(f"{place} breaks {finding['rule']} \"{finding['name']}\": {finding['what']}")
    if report["more_findings"]:
        print(f"… and {report['more_findings']} more")
    if report.get("newer_entries"):
        print(f"{report['newer_entries']} entries follow newer rules than this reader knows")
    for vkey, time in report.get("cosigned", {}).items():
        said = "did not cosign" if time is None else f"cosigned at {time}"
        print(f"{vkey.partition('+')[0]} {said}")
    if report.get("missing_cosignatures"):
        print(f"{report['missing_cosignatures']} cosignatures fewer than are asked for")
    if "entries" in report:
        print(f"{report['entries']} entries, {report['signatures']} signatures")
    print(report["verdict"])


def read(folder, key, options):
    """The exit code; says what was found."""
    if not os.path.isdir(folder):
        return misuse(f"there is no directory {folder}")
    reader = Reader(folder, key, options.witness, options.quorum)
    report = reader.report
    try:
        reader.run(options.proof, options.most)
    except Damage as problem:
        report["findings"] = [
            {"entry": problem.entry, "rule": LOG[0], "name": LOG[1], "what": str(problem)}
        ]
    except OSError as problem:
        return misuse(f"{problem.filename}: {problem.strerror}")
    if options.json:  # a line for each directory
        print(json.dumps(report, ensure_ascii=True))
    else:
        show(report)
    return 0 if report["verdict"] == "VALID" else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("dirs", metavar="DIR", nargs="+")
    parser.add_argument("--key", metavar="VKEY", help="the log's; else that in the file vkey")
    parser.add_argument("--proof", metavar="FILE", action="append", default=[],
                        help="a tlog-proof of an entry of the log")  # fmt: skip
    parser.add_argument("--witness", metavar="VKEY", action="append", default=[],
                        help="of type 04: who cosigns checkpoints")  # fmt: skip
    parser.add_argument("--quorum", metavar="K", type=int,
                        help="how many of them must have")  # fmt: skip
    parser.add_argument("--most", metavar="N", type=int, default=MOST_FINDINGS,
                        help="findings that are said")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="a line of JSON for each DIR")
    options = parser.parse_args()
    try:
        key = tlog.Verifier(options.key) if options.key else None
    except Damage as problem:
        return misuse(f"--key: {problem}")
    try:
        options.witness = [tlog.Verifier(vkey, tlog.WITNESS) for vkey in options.witness]
    except Damage as problem:
        return misuse(f"--witness: {problem}")
    count = len(options.witness)
    if len({one.key for one in options.witness}) < count:
        return misuse("--witness: a key is named twice; it would count as two")
    if options.quorum is None:
        options.quorum = 2 * count // 3 + 1 if count else 0
    if not 0 <= options.quorum <= count:
        return misuse("--quorum: more than there are witnesses")
    return max(read(folder, key, options) for folder in options.dirs)


if __name__ == "__main__":
    sys.exit(main())
