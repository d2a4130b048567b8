#!/usr/bin/env python3
"""Pages about peers, from the JSON of pop3-conform.

conform_pages.py page FOLDER NAME VERSION SETUP JSON MODE
                                       writes NAME.md; fails if the baseline has stale lines, and, if the mode is `ours`, if it
                                       names a check that can be judged
conform_pages.py table FOLDER          writes README.md from all pages
"""
import datetime
import json
import pathlib
import re
import sys

KINDS = ["ok", "fail", "warn", "unsupported", "inconclusive"]


def cell(text):
    """Text for a cell of a table."""
    for mark in "\\`*_<>[]":
        text = text.replace(mark, "\\" + mark)
    return text.replace("|", "\\|").replace("\n", " ")


def page(folder, name, version, setup, report, mode):
    report = json.loads(pathlib.Path(report).read_text())
    checks = report["checks"]
    counts = {kind: sum(check["verdict"] == kind for check in checks) for kind in KINDS}
    lines = [
        f"# {name} {version}",
        "",
        f"Set up with: {setup}. Date of the run: {datetime.date.today().isoformat()}.",
        "",
        f"{counts['ok']} checks are ok, {counts['fail']} failed, {counts['warn']} are warnings, "
        f"{counts['unsupported']} are about what it does not have, and {counts['inconclusive']} are without a verdict.",
        "",
    ]
    red = [check for check in checks if check["verdict"] in ("fail", "warn")]
    if red:
        lines += ["| check | rows | verdict | seen | reason |", "|---|---|---|---|---|"]
    for check in red:
        rows = " ".join(row["id"] for row in check["rows"])
        reason = check["known"] or ("a recommendation" if check["verdict"] == "warn" else "not in the baseline")
        lines.append(f"| `{check['id']}` | {rows} | {check['verdict']} | {cell(check['said'])} | {cell(reason)} |")
    for check in red:
        dialogue = check["offences"][0]["dialogue"]
        lines += ["", f"## {check['id']}", "", check["asks"], "", "```text"]
        who = {"client": "C: ", "server": "S: ", "event": "* ", "skipped": "   "}
        for line in dialogue:
            lines.append((who[line["from"]] + line["text"]).rstrip())
            if line["mark"] is not None:
                lines.append(" " * (3 + line["mark"]) + "^")
        lines.append("```")
    without = [check for check in checks if check["verdict"] == "inconclusive"]
    if without:
        lines += ["", "## Without a verdict", ""]
        lines += [f"- `{check['id']}`: {cell(check['said'])}" for check in without]
    pathlib.Path(folder, name + ".md").write_text("\n".join(lines) + "\n")
    for line in report["stale"]:
        print(f"{name}: stale: {line['check']}  {line['reason']}")
    judged = [check["id"] for check in red if check["known"]] if mode == "ours" else []
    for check in judged:
        print(f"{name}: {check} is red: the baseline may not name it")
    return 1 if report["stale"] or judged else 0


def table(folder):
    lines = [
        "# Peers",
        "",
        "`.ci/conform-peers` runs the kit against these programs and writes these pages. Each has a baseline, with a reason for each line.",
        "A page describes a program as it was set up, at one version. It is not a score: a program that offers more is asked more.",
        "The [notes](NOTES.md) list the verdicts that need care.",
        "",
        "| program | version | ok | failed | warnings | unsupported | without a verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for path in sorted(pathlib.Path(folder).glob("*.md")):
        if path.name in ("README.md", "NOTES.md"):
            continue
        text = path.read_text()
        name, version = text.split("\n", 1)[0][2:].split(" ", 1)
        numbers = re.search(r"^(\d+) checks are ok, (\d+) failed, (\d+) are warnings, (\d+) are about.*?(\d+) are without", text, re.M)
        lines.append(f"| [{name}]({path.name}) | {version} | " + " | ".join(numbers.groups()) + " |")
    pathlib.Path(folder, "README.md").write_text("\n".join(lines) + "\n")
    return 0


def main():
    command, *arguments = sys.argv[1:]
    return {"page": page, "table": table}[command](*arguments)


sys.exit(main())
