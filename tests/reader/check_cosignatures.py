"""Whether tlog judges cosigned checkpoints as ledger/c2sp did.

  check_cosignatures.py FILE

Each line of FILE is JSON: a note in hex, the log's key, the witnesses' keys, and when each cosigned the
note last: null where it has not, and null alone where the note is refused. Prints how many there are.
"""

import json
import sys

import tlog


def judge(case):
    try:
        note = bytes.fromhex(case["note"])
        tlog.Checkpoint(note, tlog.Verifier(case["log"]))
        witnesses = [tlog.Verifier(vkey, tlog.WITNESS) for vkey in case["witnesses"]]
        return [tlog.cosigned_at(note, one) for one in witnesses]
    except tlog.Damage:
        return None


def main():
    count = wrong = 0
    with open(sys.argv[1], encoding="ascii") as file:
        for line in file:
            case = json.loads(line)
            count += 1
            found = judge(case)
            if found != case["times"]:
                wrong += 1
                print(f"{found} here, {case['times']} there: {case['name']}", file=sys.stderr)
    print(count)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
