/*
 * A Vulkan driver in front of Mesa's RADV whose command buffers, submissions and waits do nothing.
 *
 * RADV compiles for an AMD GPU that is not there: RADV_FORCE_FAMILY=navi31 makes a device on null hardware. That device
 * has no command buffers, and records into them crash; Dawn records some as soon as it opens a device (to clear what it
 * allocates). With those calls left out, Dawn opens the device and compiles pipelines with the compiler that such a GPU
 * gets from its driver. Nothing runs.
 *
 * MAEHEM_RADV is RADV's library. Built by null-driver.ts; Linux only.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

typedef void (*Function)(void);
typedef Function (*Lookup)(void *handle, const char *name);

/* Beside all vkCmd*. */
static const char *const IGNORED[] = {
    "vkBeginCommandBuffer", "vkEndCommandBuffer",   "vkResetCommandBuffer", "vkQueueSubmit",
    "vkQueueSubmit2",       "vkQueueSubmit2KHR",    "vkQueueWaitIdle",      "vkDeviceWaitIdle",
    "vkGetFenceStatus",     "vkWaitForFences",      "vkWaitSemaphores",     "vkWaitSemaphoresKHR",
};

static Lookup radv_device_function;

/* VK_SUCCESS, whatever the arguments are. */
static intptr_t succeed(void) { return 0; }

static Function radv(const char *name) {
  static void *library;
  const char *path = getenv("MAEHEM_RADV");
  if (!library && path) library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    fprintf(stderr, "null-commands: MAEHEM_RADV=%s does not load\n", path ? path : "");
    exit(1);
  }
  return (Function)dlsym(library, name);
}

static int is_ignored(const char *name) {
  if (!strncmp(name, "vkCmd", 5)) return 1;
  for (size_t i = 0; i < sizeof IGNORED / sizeof *IGNORED; i++)
    if (!strcmp(name, IGNORED[i])) return 1;
  return 0;
}

static Function device_function(void *device, const char *name) {
  if (!strcmp(name, "vkGetDeviceProcAddr")) return (Function)device_function;
  Function function = radv_device_function(device, name);
  return function && is_ignored(name) ? (Function)succeed : function;
}

/* The three entry points of a driver: see LoaderDriverInterface.md of Khronos's Vulkan-Loader. */

EXPORTED Function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
  Function function = ((Lookup)radv("vk_icdGetInstanceProcAddr"))(instance, name);
  if (!function) return NULL;
  if (!strcmp(name, "vkGetDeviceProcAddr")) {
    radv_device_function = (Lookup)function;
    return (Function)device_function;
  }
  return is_ignored(name) ? (Function)succeed : function;
}

EXPORTED Function vk_icdGetPhysicalDeviceProcAddr(void *instance, const char *name) {
  return ((Lookup)radv("vk_icdGetPhysicalDeviceProcAddr"))(instance, name);
}

EXPORTED int vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
  return ((int (*)(uint32_t *))radv("vk_icdNegotiateLoaderICDInterfaceVersion"))(version);
}
