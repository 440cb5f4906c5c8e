"""Whether the page, the reader and Cap'n Proto's own compiler agree on the structs.

  check_layout.py SOURCES

Exits 77 where `capnp` is not there.
"""

import re
import shutil
import subprocess
import sys

import souk_layout

NAMES = {
    "u64": "UInt64", "u32": "UInt32", "bool": "Bool", "reason": "UInt16", "digest": "Data",
    "digest-or-none": "Data",
    "data": "Data", "text": "Text", "word": "Text", "region": "Text", "list": "List",
}  # fmt: skip
INT64 = ("time", "time0", "credits", "price", "price-or-none", "span")


def page_table(sources):
    """The indented block of docs/ledger-format.md that begins with Transfer."""
    with open(f"{sources}/docs/ledger-format.md", encoding="utf-8") as file:
        text = file.read()
    block = re.search(r"\n\n((?:    .*\n)*    Transfer .*\n(?:    .*\n)*)", text).group(1)
    lines = []
    for line in block.splitlines():
        line = line[4:]
        if line.startswith(" "):  # goes on
            lines[-1] += " " + line.strip()
        else:
            lines.append(re.sub(" +", " ", line))
    return lines


def compiled(sources):
    """{struct: (bytes, pointers, {field: (type, place)})}, places as capnp writes them."""
    out = subprocess.run(
        ["capnp", "compile", "-ocapnp", f"--src-prefix={sources}", f"{sources}/protocol/schema.capnp"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    structs, current = {}, None
    for line in out.splitlines():
        head = re.match(r"struct (\w+) @\w+ \{  # (\d+) bytes, (\d+) ptrs", line)
        if head:
            current = structs[head[1]] = (int(head[2]), int(head[3]), {})
        tag = re.match(r"    union \{  # (tag bits .*)", line)
        if tag and current:
            current[2]["outcome"] = ("union", tag[1])
        field = re.match(r"\s+(\w+) @\d+ :([\w().]+)(?: = .*)?;  # (.*)", line)
        if field and current:
            current[2][field[1]] = (field[2], field[3])
    return structs


def place_of(layout, field):
    if field.type == "union":
        return f"tag bits [{layout.tag_at}, {layout.tag_at + 16})"
    if field.size:
        return f"bits[{field.at}, {field.at + field.size})"
    return f"ptr[{field.at}]"


def main():
    sources = sys.argv[1]
    wrong = []
    mine = [re.sub(" +", " ", line) for line in souk_layout.TABLE.strip().splitlines()]
    if page_table(sources) != mine:
        wrong.append("docs/ledger-format.md has another table than the reader")
    if shutil.which("capnp") is None:
        return 77
    structs = compiled(sources)
    for name, layout in souk_layout.LAYOUTS.items():
        size, pointers, fields = structs[name]
        if (layout.words * 8, layout.pointers) != (size, pointers):
            wrong.append(f"{name}: {layout.words * 8} bytes, {layout.pointers} pointers")
        expected = {field.name for field in layout.fields}
        found = set(fields) - set(o[0].lower() + o[1:] for o in souk_layout.OUTCOMES if name == "Entry")
        if expected != found:
            wrong.append(f"{name}: fields {expected ^ found}")
            continue
        for field in layout.fields:
            kind, place = fields[field.name]
            if place_of(layout, field) != place:
                wrong.append(f"{name}.{field.name}: {place_of(layout, field)}, capnp: {place}")
            wanted = "Int64" if field.type in INT64 else NAMES.get(field.type, field.type)
            if field.type not in ("enum", "union") and not kind.startswith(wanted):
                wrong.append(f"{name}.{field.name}: {wanted}, capnp: {kind}")
    alternatives = [
        (int(place.rsplit("= ", 1)[1]), kind)
        for kind, place in structs["Entry"][2].values()
        if "union tag = " in place
    ]
    if [kind for _, kind in sorted(alternatives)] != souk_layout.OUTCOMES:
        wrong.append("the outcomes' numbers")
    for one in wrong:
        print(one, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
