// [[buffer]]: what it holds at first, and whether it is an output.
#include "gpu/workload/manifest_reader.h"
#include "gpu/workload/manifest_values.h"
#include "gpu/workload/npy.h"

namespace souk::gpu {

Status ManifestReader::ReadBuffer(const Place& at) {
  RETURN_IF_ERROR(OnlyKeys(at, {"name", "dtype", "shape", "input", "fill", "output", "image"}));
  if (workload().buffers.size() == kMaxBuffers) {
    return Wrong(at, "too many buffers", Code::kTooLarge);
  }
  Buffer buffer;
  ASSIGN_OR_RETURN(buffer.name, Text(at, "name", ""));
  if (buffer.name.empty()) return Wrong(at, "name is missing");
  if (FindBuffer(buffer.name)) {
    return Wrong(at, "the buffer name \"" + buffer.name + "\" is taken", Code::kDuplicate);
  }
  const bool has_input = Child(at, "input").node != nullptr;
  ASSIGN_OR_RETURN(const std::optional<DType> dtype, ReadDType(at));
  ASSIGN_OR_RETURN(const std::optional<std::vector<uint64_t>> shape, ReadShape(at));
  if (!has_input && (!dtype || !shape)) {
    return Wrong(at, std::string(dtype ? "shape" : "dtype") + " is missing");
  }
  buffer.dtype = dtype.value_or(DType::kF32);
  buffer.shape = shape.value_or(std::vector<uint64_t>());
  if (shape) {
    if (Status ok = CheckShape(*shape, buffer.dtype); !ok) {
      return Wrong(Child(at, "shape"), ok.error());
    }
  }
  if (has_input) RETURN_IF_ERROR(ReadInput(at, dtype, shape, buffer));
  RETURN_IF_ERROR(ReadFill(at, buffer));
  RETURN_IF_ERROR(ReadOutput(at, static_cast<uint32_t>(workload().buffers.size())));
  workload().buffers.push_back(std::move(buffer));
  return Ok();
}

Result<std::optional<DType>> ManifestReader::ReadDType(const Place& table) const {
  const Place at = Child(table, "dtype");
  if (at.node == nullptr) return std::optional<DType>();
  ASSIGN_OR_RETURN(const std::string name, TextOf(at));
  const std::optional<DType> dtype = ParseDType(name);
  if (!dtype) {
    return Wrong(at, "\"" + name +
                         "\" is none of bool, i8, i16, i32, i64, u8, u16, u32, u64, "
                         "f16, f32, f64");
  }
  return dtype;
}

Result<std::optional<std::vector<uint64_t>>> ManifestReader::ReadShape(const Place& table) const {
  const Place at = Child(table, "shape");
  if (at.node == nullptr) return std::optional<std::vector<uint64_t>>();
  const toml::array* items = at.node->as_array();
  if (items == nullptr) return Wrong(at, "is not a list of integers");
  std::vector<uint64_t> shape;
  for (const toml::node& item : *items) {
    ASSIGN_OR_RETURN(const uint64_t dimension, WholeOf({&item, at.name}));
    shape.push_back(dimension);
  }
  return std::optional<std::vector<uint64_t>>(std::move(shape));
}

Status ManifestReader::ReadInput(const Place& table, const std::optional<DType>& dtype,
                                 const std::optional<std::vector<uint64_t>>& shape,
                                 Buffer& buffer) {
  const Place at = Child(table, "input");
  ASSIGN_OR_RETURN(const std::string name, TextOf(at));
  const size_t most =
      shape && dtype ? BufferBytes(buffer) + kMaxNpyHeaderBytes + 12 : kMaxInputBytes;
  ASSIGN_OR_RETURN(Bytes file, ReadBeside(at, name, most));
  Result<NpyHeader> header = ParseNpy(file);
  if (!header) return Wrong(at, "\"" + name + "\": " + header.error().message, header.error().code);
  if (dtype && header->dtype != *dtype) {
    return Wrong(
        at,
        "\"" + name + "\" holds " + DTypeName(header->dtype) + ", dtype says " + DTypeName(*dtype),
        Code::kMismatch);
  }
  if (shape && header->shape != *shape) {
    return Wrong(at,
                 "\"" + name + "\" has shape " + ShapeText(header->shape) + ", the buffer " +
                     ShapeText(*shape),
                 Code::kMismatch);
  }
  buffer.dtype = header->dtype;
  buffer.shape = header->shape;
  buffer.input = manifest_.blobs.Add(std::move(file));
  return Ok();
}

Status ManifestReader::ReadFill(const Place& table, Buffer& buffer) const {
  const Place at = Child(table, "fill");
  if (at.node == nullptr) return Ok();
  if (buffer.input) return Wrong(at, "a buffer has either an input or a fill value");
  Result<Bytes> element = Error(Code::kInvalidArgument, "is not a number");
  if (const auto* integer = at.node->as_integer()) {
    element = ElementFromInteger(buffer.dtype, integer->get());
  } else if (const auto* real = at.node->as_floating_point()) {
    element = ElementFromReal(buffer.dtype, real->get());
  } else if (const auto* flag = at.node->as_boolean()) {
    element = ElementFromInteger(buffer.dtype, flag->get() ? 1 : 0);
  }
  if (!element) return Wrong(at, element.error());
  buffer.fill = std::move(*element);
  return Ok();
}

Status ManifestReader::ReadOutput(const Place& table, uint32_t buffer) {
  Output output{.buffer = buffer};
  ASSIGN_OR_RETURN(output.file, Text(table, "output", ""));
  ASSIGN_OR_RETURN(output.image, Text(table, "image", ""));
  const Place file = Child(table, "output");
  if (file.node != nullptr && output.file.empty()) {
    return Wrong(file, "is empty: name a file, or leave it out");
  }
  if (output.file.empty() && output.image.empty()) return Ok();
  if (output.file.empty()) return Wrong(Child(table, "image"), "needs output as well");
  workload().outputs.push_back(std::move(output));
  return Ok();
}

std::optional<uint32_t> ManifestReader::FindBuffer(const std::string& name) {
  for (size_t i = 0; i < workload().buffers.size(); ++i) {
    if (workload().buffers[i].name == name) return static_cast<uint32_t>(i);
  }
  return std::nullopt;
}

Result<uint32_t> ManifestReader::BufferNamed(const Place& at) {
  ASSIGN_OR_RETURN(const std::string name, TextOf(at));
  const std::optional<uint32_t> buffer = FindBuffer(name);
  if (!buffer) return Wrong(at, "no buffer \"" + name + "\"", Code::kNotFound);
  return *buffer;
}

}  // namespace souk::gpu
