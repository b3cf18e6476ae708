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

# Containers often have NVIDIA's driver and not the file that tells the loader so.
if [ -z "${VK_ICD_FILENAMES:-}${VK_DRIVER_FILES:-}" ] && ldconfig -p 2>/dev/null | grep -q 'libGLX_nvidia\.so\.0' &&
  ! ls /usr/share/vulkan/icd.d/nvidia* /etc/vulkan/icd.d/nvidia* >/dev/null 2>&1; then
  printf '{"file_format_version":"1.0.0","ICD":{"library_path":"libGLX_nvidia.so.0","api_version":"1.3.0"}}\n' \
    >"$here/nvidia_icd.json"
  VK_ICD_FILENAMES=$here/nvidia_icd.json
  export VK_ICD_FILENAMES
fi

exec "$node" "$here/dist/gpu-main.js" "$@"
