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
# The network named first is the one that the others are compared with.
set -- "$OUT"/runs/lenet5-fashion-mnist-s[0-2]-* "$OUT"/runs/convnet_mnist-fashion-mnist-s[0-2]-* \
  "$OUT"/runs/resnet20-fashion-mnist-s[0-2]-*
write() {
  form=$1
  shift
  cnnlab report "$@" --lang en,zh --format "$form" --out "$OUT" \
    --course "${COURSE:-}" --author "${AUTHOR:-}"
}
write html,pptx,pdf "$@" || write html,pptx "$@" # without a browser there is no PDF; the line above says how to get one
