#!/bin/sh
# Writes the report of the runs that FOLDER/comparison.json names, in both languages, into FOLDER:
#
#   sh scripts/report_of_comparison.sh FOLDER
#
# Runs lie in FOLDER/runs; others there are not in the report. COURSE and AUTHOR go on the cover.
set -eu
OUT=$1
# The network named first stays the first.
runs=$(python -c 'import json, sys
for network in json.load(open(sys.argv[1], encoding="utf-8"))["networks"]:
    print(*network["runs"])' "$OUT/comparison.json")
set --
for run in $runs; do set -- "$@" "$OUT/runs/$run"; done
rm -f "$OUT"/report.* # so that what is there afterwards is of these runs
# Without a browser all but the PDF is written, a line says how to get one, and the exit code is 3.
cnnlab report "$@" --lang en,zh --format html,pptx,pdf --out "$OUT" \
  --course "${COURSE:-}" --author "${AUTHOR:-}" ||
  { [ $? -eq 3 ] && [ -f "$OUT/report.en.pptx" ] && [ -f "$OUT/report.zh.pptx" ]; }
