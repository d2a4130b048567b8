#!/bin/bash
# Builds the fuzz targets for OSS-Fuzz: SRC contains the repository as pop3-proto, and OUT gets each target with its corpus,
# dictionary and options. The service sets RUSTFLAGS, the sanitizer, and the library of the engine.
set -eu
cd "$SRC/pop3-proto"

targets=()
for package in pop3-proto-fuzz pop3-proto-fuzz/programs; do
  cargo fuzz build --fuzz-dir "$package" -O --debug-assertions
  mapfile -t -O "${#targets[@]}" targets < <(cargo fuzz list --fuzz-dir "$package")
done

# Not with cargo, which would build all dependencies again.
scratch=$(mktemp -d)
CARGO_MANIFEST_DIR="$PWD/pop3-proto-fuzz" rustc --edition 2024 -o "$scratch/unpack" pop3-proto-fuzz/examples/corpus.rs
"$scratch/unpack" unpack "$scratch/corpus"

programs=${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release
for target in "${targets[@]}"; do
  cp "$programs/$target" "$OUT/"
  cp "pop3-proto-fuzz/seeds/$target"/* "$scratch/corpus/$target/"
  rm -f "$OUT/${target}_seed_corpus.zip"
  (cd "$scratch/corpus/$target" && zip -q -r "$OUT/${target}_seed_corpus.zip" .)
  cp pop3-proto-fuzz/pop3.dict "$OUT/$target.dict"
  printf '[libfuzzer]\ndict = %s.dict\ntimeout = 20\n' "$target" >"$OUT/$target.options"
done
rm -rf "$scratch"
