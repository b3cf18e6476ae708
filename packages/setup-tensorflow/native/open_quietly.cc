// openQuietly(path): load a shared library while stderr leads nowhere.
//
// TensorFlow 2.20 and later log two lines from static constructors, before any of its settings is read. A library stays
// loaded, so that the binding, which needs it, finds it there and its constructors done.

#include <dlfcn.h>
#include <fcntl.h>
#include <node_api.h>
#include <unistd.h>

#include <string>

namespace {

class Silence {
 public:
  Silence() : stderr_(dup(STDERR_FILENO)) {
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (stderr_ >= 0 && nowhere >= 0) dup2(nowhere, STDERR_FILENO);
    if (nowhere >= 0) close(nowhere);
  }
  ~Silence() {
    if (stderr_ < 0) return;
    dup2(stderr_, STDERR_FILENO);
    close(stderr_);
  }

 private:
  const int stderr_;
};

bool Open(const std::string& path) {
  const Silence silence;
  return dlopen(path.c_str(), RTLD_LAZY) != nullptr;
}

napi_value OpenQuietly(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  size_t length = 0;
  if (napi_get_value_string_utf8(env, argument, nullptr, 0, &length) != napi_ok) {
    napi_throw_type_error(env, nullptr, "openQuietly takes a path");
    return nullptr;
  }
  std::string path(length, '\0');
  napi_get_value_string_utf8(env, argument, &path[0], length + 1, nullptr);
  if (!Open(path)) napi_throw_error(env, nullptr, dlerror());
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value open_quietly;
  napi_create_function(env, "openQuietly", NAPI_AUTO_LENGTH, OpenQuietly, nullptr, &open_quietly);
  napi_set_named_property(env, exports, "openQuietly", open_quietly);
  return exports;
}
