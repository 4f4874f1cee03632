#!/bin/sh
# Do AlexNets beat a residual network on MNIST? Trains what is missing, three seeds each, and writes the report.
#
#   sh examples/alexnets-on-mnist.sh                     all of it: hours on two cores; goes on after Ctrl-C
#   OUT=/tmp/quick sh examples/alexnets-on-mnist.sh --steps 20      to see that it works: minutes
#
# What stands behind goes to `cnnlab compare`, such as --jobs 2 --threads 1. COURSE and AUTHOR go on the cover.
set -eu
OUT=${OUT:-examples/alexnets-on-mnist}
cnnlab compare resnet20 alexnet_mnist3 alexnet_mnist5 --data mnist --seeds 3 --out "$OUT/runs" --save "$OUT" "$@"
# The runs that were compared, and no others that lie in OUT; the network named first stays the first.
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
