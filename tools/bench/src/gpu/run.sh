#!/bin/sh
# Benchmarks this machine's GPU; `./run.sh --help` says how. Needs a Vulkan driver, and nothing else.
set -eu
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
here=$(cd "$(dirname "$0")" && pwd)

[ -e "$here/dist/dawn.node" ] || gzip -dc "$here/dist/dawn.node.gz" >"$here/dist/dawn.node"
if [ -e "$here/node.gz" ] && [ ! -e "$here/node" ]; then
  gzip -dc "$here/node.gz" >"$here/node"
  chmod +x "$here/node"
fi
node=node
[ ! -e "$here/node" ] || node=$here/node

# The bundle's Vulkan loader, where the machine has none.
if ! ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1' && [ -e "$here/lib/libvulkan.so.1" ]; then
  LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/lib
  export LD_LIBRARY_PATH
fi

# Where containers find NVIDIA's driver when it is lent to them by their host.
lent=/usr/local/nvidia
if [ -d "$lent/lib64" ]; then
  LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$lent/lib64
  export LD_LIBRARY_PATH
fi

# Is there a library, for all that a program is told?
has() {
  ldconfig -p 2>/dev/null | grep -qF "$1" || [ -e "$lent/lib64/$1" ]
}

# They often have the driver and not the file that tells the loader so, or have it elsewhere. The library for GLX needs
# X11's; the one for EGL is the same driver without.
if [ -z "${VK_ICD_FILENAMES:-}${VK_DRIVER_FILES:-}" ] &&
  ! ls /usr/share/vulkan/icd.d/nvidia* /etc/vulkan/icd.d/nvidia* >/dev/null 2>&1; then
  driver=
  if has libGLX_nvidia.so.0 && has libX11.so.6 && has libXext.so.6; then
    driver=libGLX_nvidia.so.0
  elif has libEGL_nvidia.so.0; then
    driver=libEGL_nvidia.so.0
  elif has libcuda.so.1; then
    echo "run.sh: NVIDIA's driver is here without its part for Vulkan (libGLX_nvidia.so.0, libEGL_nvidia.so.0);" \
      "a container needs NVIDIA_DRIVER_CAPABILITIES=all" >&2
  fi
  if [ -n "$driver" ]; then
    printf '{"file_format_version":"1.0.0","ICD":{"library_path":"%s","api_version":"1.3.0"}}\n' "$driver" \
      >"$here/nvidia_icd.json"
    VK_ICD_FILENAMES=$here/nvidia_icd.json
    export VK_ICD_FILENAMES
  fi
fi

exec "$node" "$here/dist/gpu-main.js" "$@"
