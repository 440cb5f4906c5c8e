#include "tools/bench_opencl.h"

#if defined(SOUK_HAVE_OPENCL)
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#endif

#include <chrono>
#include <cstdlib>

namespace souk::bench {

#if defined(SOUK_HAVE_OPENCL)

namespace {

// clang-format off
#define SOUK_CL_FUNCTIONS(X) \
  X(clGetPlatformIDs) X(clGetDeviceIDs) X(clGetDeviceInfo) X(clCreateContext) \
  X(clCreateCommandQueue) X(clCreateProgramWithSource) X(clBuildProgram) \
  X(clGetProgramBuildInfo) X(clCreateKernel) X(clCreateBuffer) X(clSetKernelArg) \
  X(clEnqueueNDRangeKernel) X(clEnqueueReadBuffer) X(clFinish) X(clReleaseMemObject) \
  X(clReleaseKernel) X(clReleaseProgram) X(clReleaseCommandQueue) X(clReleaseContext)
// clang-format on

Error Failed(const std::string& what, cl_int code) {
  return Error(Code::kUnavailable, "OpenCL: " + what + " failed with " + std::to_string(code));
}

}  // namespace

struct OpenClDevice::State {
  struct Functions {
#define X(name) decltype(&::name) name = nullptr;
    SOUK_CL_FUNCTIONS(X)
#undef X
  };

  Functions cl = {};
  void* library = nullptr;
  std::string name = {};
  cl_device_id device = nullptr;
  cl_context context = nullptr;
  cl_command_queue queue = nullptr;
  cl_program program = nullptr;
  std::vector<cl_mem> buffers = {};

  ~State() {
    for (cl_mem buffer : buffers) cl.clReleaseMemObject(buffer);
    if (program != nullptr) cl.clReleaseProgram(program);
    if (queue != nullptr) cl.clReleaseCommandQueue(queue);
    if (context != nullptr) cl.clReleaseContext(context);
    // The library stays: PoCL's threads do not take kindly to losing their code.
  }

  Status Load() {
    library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return Error(Code::kUnavailable, "no libOpenCL.so.1 here");
#define X(name)                                                         \
  cl.name = reinterpret_cast<decltype(cl.name)>(dlsym(library, #name)); \
  if (cl.name == nullptr) return Error(Code::kUnavailable, "OpenCL has no " #name);
    SOUK_CL_FUNCTIONS(X)
#undef X
    return Ok();
  }

  Status Connect() {
    cl_platform_id platforms[8] = {};
    cl_uint count = 0;
    cl_int code = cl.clGetPlatformIDs(8, platforms, &count);
    if (code != CL_SUCCESS || count == 0) {
      return Error(Code::kUnavailable, "OpenCL has no platform here");
    }
    for (cl_uint i = 0; i < count && i < 8 && device == nullptr; ++i) {
      cl_uint devices = 0;
      if (cl.clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_CPU, 1, &device, &devices) != CL_SUCCESS) {
        device = nullptr;
      }
    }
    if (device == nullptr) return Error(Code::kUnavailable, "OpenCL has no CPU device here");
    char text[256] = {};
    cl.clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof(text) - 1, text, nullptr);
    name = text;
    context = cl.clCreateContext(nullptr, 1, &device, nullptr, nullptr, &code);
    if (code != CL_SUCCESS) return Failed("clCreateContext", code);
    queue = cl.clCreateCommandQueue(context, device, 0, &code);
    if (code != CL_SUCCESS) return Failed("clCreateCommandQueue", code);
    return Ok();
  }

  Status Build(const std::string& source) {
    cl_int code = 0;
    const char* text = source.c_str();
    program = cl.clCreateProgramWithSource(context, 1, &text, nullptr, &code);
    if (code != CL_SUCCESS) return Failed("clCreateProgramWithSource", code);
    code = cl.clBuildProgram(program, 1, &device, "-cl-std=CL1.2", nullptr, nullptr);
    if (code == CL_SUCCESS) return Ok();
    char log[2048] = {};
    cl.clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, sizeof(log) - 1, log, nullptr);
    return Error(Code::kUnavailable, std::string("OpenCL does not build the kernels: ") + log);
  }
};

Result<std::unique_ptr<OpenClDevice>> OpenClDevice::Open(const std::string& source) {
  setenv("POCL_MAX_PTHREAD_COUNT", "1", /*overwrite=*/1);
  auto state = std::make_unique<State>();
  RETURN_IF_ERROR(state->Load());
  RETURN_IF_ERROR(state->Connect());
  RETURN_IF_ERROR(state->Build(source));
  return std::unique_ptr<OpenClDevice>(new OpenClDevice(std::move(state)));
}

Result<int> OpenClDevice::Allocate(ByteView contents) {
  cl_int code = 0;
  // COPY_HOST_PTR only reads what it is given.
  cl_mem buffer =
      state_->cl.clCreateBuffer(state_->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                                contents.size(), const_cast<uint8_t*>(contents.data()), &code);
  if (code != CL_SUCCESS) return Failed("clCreateBuffer", code);
  state_->buffers.push_back(buffer);
  return static_cast<int>(state_->buffers.size() - 1);
}

Status OpenClDevice::Read(int buffer, std::span<uint8_t> to) {
  const cl_int code =
      state_->cl.clEnqueueReadBuffer(state_->queue, state_->buffers.at(static_cast<size_t>(buffer)),
                                     CL_TRUE, 0, to.size(), to.data(), 0, nullptr, nullptr);
  return code == CL_SUCCESS ? Ok() : Status(Failed("clEnqueueReadBuffer", code));
}

Result<double> OpenClDevice::Run(const std::string& kernel, const std::vector<Argument>& arguments,
                                 const std::vector<size_t>& global,
                                 const std::vector<size_t>& local) {
  State::Functions& cl = state_->cl;
  cl_int code = 0;
  cl_kernel k = cl.clCreateKernel(state_->program, kernel.c_str(), &code);
  if (code != CL_SUCCESS) return Failed("clCreateKernel " + kernel, code);
  for (size_t i = 0; i < arguments.size() && code == CL_SUCCESS; ++i) {
    const auto index = static_cast<cl_uint>(i);
    if (arguments[i].buffer >= 0) {
      cl_mem buffer = state_->buffers.at(static_cast<size_t>(arguments[i].buffer));
      code = cl.clSetKernelArg(k, index, sizeof(cl_mem), &buffer);
    } else {
      code = cl.clSetKernelArg(k, index, sizeof(uint32_t), &arguments[i].scalar);
    }
  }
  const auto begin = std::chrono::steady_clock::now();
  if (code == CL_SUCCESS) {
    code = cl.clEnqueueNDRangeKernel(state_->queue, k, static_cast<cl_uint>(global.size()), nullptr,
                                     global.data(), local.data(), 0, nullptr, nullptr);
  }
  if (code == CL_SUCCESS) code = cl.clFinish(state_->queue);
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  cl.clReleaseKernel(k);
  if (code != CL_SUCCESS) return Failed("running " + kernel, code);
  return took;
}

#else

struct OpenClDevice::State {
  struct Functions {
#define X(name) decltype(&::name) name = nullptr;
    SOUK_CL_FUNCTIONS(X)
#undef X
  };

  std::string name = {};
};
Result<std::unique_ptr<OpenClDevice>> OpenClDevice::Open(const std::string&) {
  return Error(Code::kUnavailable, "built without OpenCL's headers");
}
Result<int> OpenClDevice::Allocate(ByteView) {
  return Error(Code::kUnavailable, "no OpenCL");
}
Status OpenClDevice::Read(int, std::span<uint8_t>) {
  return Error(Code::kUnavailable, "no OpenCL");
}
Result<double> OpenClDevice::Run(const std::string&, const std::vector<Argument>&,
                                 const std::vector<size_t>&, const std::vector<size_t>&) {
  return Error(Code::kUnavailable, "no OpenCL");
}

#endif

OpenClDevice::OpenClDevice(std::unique_ptr<State> state) : state_(std::move(state)) {}
OpenClDevice::~OpenClDevice() = default;
const std::string& OpenClDevice::name() const {
  return state_->name;
}

}  // namespace souk::bench
