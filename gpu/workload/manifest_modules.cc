// [[module]]: PTX, or CUDA C++ that is compiled.
#include <algorithm>
#include <string>

#include "gpu/ptx/nvrtc.h"
#include "gpu/workload/manifest_reader.h"
#include "gpu/workload/npy.h"
#include "gpu/workload/source_files.h"
#include "gpu/workload/symbols.h"

namespace souk::gpu {

namespace fs = std::filesystem;

// What a manifest names lies in its folder.
Result<Bytes> ManifestReader::ReadBeside(const Place& at, const std::string& name,
                                         size_t most) const {
  Result<Bytes> bytes = ReadFileBelow(file().parent_path(), name, most);
  if (!bytes) return Wrong(at, bytes.error());
  return bytes;
}

Status ManifestReader::ReadModule(const Place& at) {
  RETURN_IF_ERROR(OnlyKeys(at, {"name", "path", "arch", "variables"}));
  if (modules_.size() == kMaxModules) return Wrong(at, "too many modules", Code::kTooLarge);
  const Place path = Child(at, "path");
  if (path.node == nullptr) return Wrong(at, "path is missing");
  ASSIGN_OR_RETURN(const std::string name, TextOf(path));
  ASSIGN_OR_RETURN(std::string alias, Text(at, "name", fs::path(name).stem().string()));
  if (std::find(module_names_.begin(), module_names_.end(), alias) != module_names_.end()) {
    return Wrong(at, "the module name \"" + alias + "\" is taken", Code::kDuplicate);
  }
  ASSIGN_OR_RETURN(const Bytes file, ReadBeside(path, name, kMaxModuleBytes));
  std::string text(AsText(file));
  if (name.ends_with(".cu")) {
    ASSIGN_OR_RETURN(text, Compile(at, path, name, text));
  } else if (Child(at, "arch").node != nullptr) {
    return Wrong(Child(at, "arch"), "is for .cu; a .ptx says its .target itself");
  }
  Result<ptx::Module> module = ptx::Parse(text);
  if (module) RETURN_IF_ERROR(ReadVariables(Child(at, "variables"), *module));
  if (module) module = ptx::Canonicalize(std::move(*module));
  if (!module)
    return Wrong(path, "\"" + name + "\": " + module.error().message, module.error().code);
  workload().modules.push_back(manifest_.blobs.Add(ToBytes(AsBytes(ptx::Write(*module)))));
  modules_.push_back(std::move(*module));
  module_names_.push_back(std::move(alias));
  return Ok();
}

// { name = "file.npy" }: what the variables hold at first.
Status ManifestReader::ReadVariables(const Place& at, ptx::Module& module) const {
  if (at.node == nullptr) return Ok();
  const toml::table* table = at.node->as_table();
  if (table == nullptr) return Wrong(at, "is not a table: write { name = \"file.npy\" }");
  for (const auto& [key, value] : *table) {
    const Place one{&value, at.name + "." + std::string(key.str())};
    ASSIGN_OR_RETURN(const std::string name, TextOf(one));
    ASSIGN_OR_RETURN(const Bytes file, ReadBeside(one, name, kMaxModuleBytes));
    Result<NpyHeader> header = ParseNpy(file);
    if (!header) return Wrong(one, header.error().Within("\"" + name + "\""));
    const Status set =
        SetVariable(module, std::string(key.str()), ByteView(file).subspan(header->data_offset));
    if (!set) return Wrong(one, set.error());
  }
  return Ok();
}

Result<std::string> ManifestReader::Compile(const Place& at, const Place& path,
                                            const std::string& name,
                                            const std::string& source) const {
  ASSIGN_OR_RETURN(const uint64_t arch, Whole(at, "arch", 75));
  if (arch < 50 || arch > 999) return Wrong(Child(at, "arch"), "is no compute capability × 10");
  Result<std::vector<ptx::Header>> headers = HeadersBeside(file().parent_path(), name, source);
  if (!headers) return Wrong(path, headers.error());
  Result<std::string> text = ptx::CompileCuda(source, {.architecture = static_cast<uint32_t>(arch),
                                                       .name = name,
                                                       .headers = std::move(*headers),
                                                       .line_info = true});
  if (!text) return Wrong(path, text.error());
  return text;
}

}  // namespace souk::gpu
