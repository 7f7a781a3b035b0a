#!/bin/sh
# Install Debian's package of Fashion-MNIST where that is possible and not done yet.
# Whatever goes wrong here is no failure: polyframe looks in its cache and downloads.
[ -d /usr/share/datasets/fashion-mnist ] && exit 0
command -v apt-get >/dev/null 2>&1 || exit 0
if [ "$(id -u)" = 0 ]; then as_root=""; elif sudo -n true 2>/dev/null; then as_root="sudo -n"; else exit 0; fi
echo "Installing Debian's package dataset-fashion-mnist ..."
{ $as_root apt-get update -qq && $as_root apt-get install -y -qq dataset-fashion-mnist; } >/dev/null 2>&1 ||
  echo "(that did not work; going on without it)"
exit 0
