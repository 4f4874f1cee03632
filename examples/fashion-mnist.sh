#!/bin/sh
# What does a deeper network gain on Fashion-MNIST? LeNet-5, a tutorial's network and ResNet-20, five epochs each.
#
#   sh examples/fashion-mnist.sh                         all of it: about an hour on two cores; goes on after Ctrl-C
#   OUT=/tmp/quick sh examples/fashion-mnist.sh --steps 20          to see that it works: minutes
#
# What stands behind goes to `cnnlab compare`, such as --jobs 2 --threads 1. COURSE and AUTHOR go on the cover.
set -eu
OUT=${OUT:-examples/fashion-mnist}
case " $* " in *" --steps "* | *" --epochs "*) ;; *) set -- --epochs 5 "$@" ;; esac
cnnlab compare lenet5 convnet_mnist resnet20 --data fashion-mnist --seeds 3 --out "$OUT/runs" --save "$OUT" "$@"
sh scripts/report_of_comparison.sh "$OUT"
