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
sh scripts/report_of_comparison.sh "$OUT"
