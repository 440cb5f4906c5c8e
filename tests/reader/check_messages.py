"""Whether the reader reads the same entries and payloads as Souk's codec.

  check_messages.py FILE

Each line of FILE: the kind of document, or "entry"; the bytes in hex; 1 where the codec reads them, 2 where
it knows that it cannot judge them, else 0. Prints how many there are and how many are read.
"""

import sys

import capnp_words
import souk_layout
import souk_reader


def judge(kind, data):
    struct, most = souk_layout.KINDS.get(kind, ("Entry", 65535))
    if len(data) > most:
        return 0
    try:
        root = capnp_words.open_message(data)
        souk_layout.read_struct(struct, root, newest_rules=souk_reader.RULES)
        return 1
    except souk_layout.NewerRules:
        return 2
    except capnp_words.Malformed:
        return 0


def main():
    count = read = wrong = 0
    with open(sys.argv[1], encoding="ascii") as file:
        for line in file:
            kind, data, verdict = line.strip().split(",")
            found = judge(kind, bytes.fromhex(data))
            count += 1
            read += found != 0
            if found != int(verdict):
                wrong += 1
                print(f"the codec says {verdict}, the reader {found}: {line}", end="", file=sys.stderr)
    print(count, read)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
