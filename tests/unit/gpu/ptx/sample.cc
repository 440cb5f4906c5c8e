#include "unit/gpu/ptx/sample.h"

#include <elf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gpu/ptx/forms_table.h"
#include "gpu/ptx/matrix.h"
#include "gpu/ptx/nvrtc.h"
#include "gpu/ptx/operands.h"

namespace souk::ptx {
namespace {

// A register of the type, number n; wide enough that any access of its size is aligned.
std::string RegisterOf(Type type, int n) {
  switch (type) {
    case Type::kPred:
      return fmt::format("%p{}", n);
    case Type::kF32:
      return fmt::format("%f{}", n);
    case Type::kF64:
      return fmt::format("%d{}", n);
    case Type::kNone:
      return fmt::format("%r{}", n);
    default:
      break;
  }
  const uint32_t bits = type == Type::kTf32 ? 32 : TypeBits(type);
  if (bits == 8 && type >= Type::kE2m1x2) return fmt::format("%b{}", n);
  if (bits <= 16) return fmt::format("%h{}", n);
  if (bits == 32) return fmt::format("%r{}", n);
  return bits == 128 ? fmt::format("%q{}", n) : fmt::format("%l{}", n);
}

Type WantedType(const Operation& op, char type) {
  switch (type) {
    case 't':
      return op.type;
    case 'u':
      return op.type2;
    case 'w':
      return op.type == Type::kU16 || op.type == Type::kS16 ? Type::kB32 : Type::kB64;
    case '1':
    case 'r':
      return Type::kPred;
    case '6':
    case 'h':
      return Type::kB64;
    case '5':
      return Type::kB16;
    default:
      return Type::kB32;
  }
}

std::string AddressOf(const Operation& op, int n) {
  const bool is_copy = op.opcode == Opcode::kCp;
  Space space = is_copy && n == 1 ? op.space2 : op.space;
  if (op.opcode == Opcode::kMbarrier || (is_copy && n == 3)) space = Space::kShared;
  switch (space) {
    case Space::kGlobal:
      return "[var_global]";
    case Space::kShared:
      return "[var_shared]";
    case Space::kConst:
      return "[var_const]";
    case Space::kLocal:
      return "[var_local]";
    case Space::kParam:
      return op.opcode == Opcode::kSt ? "[var_param]" : "[kernel_param]";
    default:
      return "[%l15]";
  }
}

std::string Vector(const Operation& op, int n) {
  if (op.vector == 1) return RegisterOf(op.type, n);
  std::string text = "{";
  for (int i = 0; i < op.vector; ++i) {
    text += (i > 0 ? ", " : "") + RegisterOf(op.type, (n + i) % 16);
  }
  return text + "}";
}

std::string FragmentText(const Operation& op, char which) {
  const Matrix matrix = *MatrixOf(op);
  const Fragment fragment = which == 'l' ? Fragment() : FragmentOf(matrix, which);
  const char* const prefix = fragment.type == Type::kF32   ? "%f"
                             : fragment.type == Type::kF64 ? "%d"
                                                           : "%r";
  const uint32_t count = which == 'l' ? matrix.copies : fragment.registers;
  std::string text;
  for (uint32_t i = 0; i < count; ++i) text += fmt::format("{}{}{}", i > 0 ? ", " : "", prefix, i);
  return "{" + text + "}";
}

std::string OperandText(const Operation& op, char role, char type, int n) {
  const Type wanted = WantedType(op, type);
  switch (role) {
    case 'A':
      return AddressOf(op, n);
    case 'X':
      return FragmentText(op, type);
    case 'N':
      return "_";
    case 'L':
      return "label";
    case 'B':
      return "table";
    case 'I':
      if (op.opcode == Opcode::kDiscard || op.opcode == Opcode::kApplypriority ||
          op.opcode == Opcode::kFence) {
        return "128";
      }
      return op.opcode == Opcode::kCp ? "16" : op.opcode == Opcode::kSetmaxnreg ? "64" : "0";
    case 'V':
    case 'W':
      return Vector(op, n);
    default:
      if (role == 'P') return RegisterOf(wanted, n) + "|%p9";
      // ptxas takes wider registers for bytes, but not beside .bf16.
      if (op.opcode == Opcode::kCvt && TypeBits(wanted) == 8 &&
          (op.type == Type::kBf16 || op.type2 == Type::kBf16)) {
        return fmt::format("%b{}", n);
      }
      return RegisterOf(role == 'E' ? Type::kPred : wanted, n);
  }
}

std::string Run(const std::string& command) {
  std::string out;
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
  const int status = pclose(pipe);
  return status != 0 && out.empty() ? "ptxas failed without a word" : out;
}

// The path of one of the toolkit's programs; empty where it is not there.
std::string Tool(const std::string& name) {
  const std::filesystem::path path = FindToolkit() / "bin" / name;
  return std::filesystem::exists(path) ? path.string() : "";
}

struct TemporaryFile {
  explicit TemporaryFile(const std::string& text) {
    static int serial = 0;
    path =
        std::filesystem::temp_directory_path() / fmt::format("souk_ptx_{}_{}", getpid(), serial++);
    std::ofstream(path) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  std::filesystem::path path;
};

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A section of a 64-bit ELF file by name; empty where there is none.
std::string SectionOf(const std::string& elf, const std::string& name) {
  if (elf.size() < sizeof(Elf64_Ehdr)) return "";
  Elf64_Ehdr header;
  std::memcpy(&header, elf.data(), sizeof header);
  const auto section = [&](size_t i) {
    Elf64_Shdr row = {};
    const size_t at = header.e_shoff + i * sizeof row;
    if (at + sizeof row <= elf.size()) std::memcpy(&row, elf.data() + at, sizeof row);
    return row;
  };
  const Elf64_Shdr names = section(header.e_shstrndx);
  for (size_t i = 0; i < header.e_shnum; ++i) {
    const Elf64_Shdr row = section(i);
    if (name == elf.c_str() + names.sh_offset + row.sh_name) {
      return elf.substr(row.sh_offset, row.sh_size);
    }
  }
  return "";
}

std::vector<std::string> SplitAt(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

void AddMembers(const std::string& alternatives, std::vector<std::string>& members) {
  for (const std::string& part : SplitAt(alternatives, '|')) {
    if (part[0] != '$') {
      members.push_back(part);
      continue;
    }
    for (const SetRow& set : kSets) {
      if (set.name == part) AddMembers(set.members, members);
    }
  }
}

}  // namespace

std::optional<std::string> SampleInstruction(const Operation& op) {
  const char* const signature = OperandSignature(op);
  if (signature == nullptr) return std::nullopt;
  std::string text = op.spelling;
  int n = 0;
  for (const std::string& word : SplitAt(signature, ' ')) {
    if (word.empty() || word[0] == '?') continue;
    text += n > 0 ? ", " : " ";
    text += OperandText(op, word[0], word.size() > 1 ? word[1] : 'x', n);
    ++n;
  }
  return text;
}

std::string SampleModule(uint32_t version, const std::string& target,
                         const std::vector<std::string>& lines) {
  std::string text = fmt::format(".version {}.{}\n.target {}\n.address_size 64\n", version / 10,
                                 version % 10, target);
  text += ".global .align 32 .b8 var_global[64];\n.shared .align 16 .b8 var_shared[64];\n";
  text += ".const .align 16 .b8 var_const[64];\n";
  text += ".func callee(.param .align 16 .b8 var_func[64]) { ret; }\n";
  text += ".visible .entry kernel(.param .align 16 .b8 kernel_param[64]) {\n";
  text +=
      ".reg .pred %p<16>; .reg .b8 %b<16>; .reg .b16 %h<16>; .reg .b32 %r<16>; .reg .b64 %l<16>;\n";
  text += ".reg .f32 %f<16>; .reg .f64 %d<16>;\n";
  text += ".local .align 16 .b8 var_local[64]; .param .align 16 .b8 var_param[64];\n";
  text += version >= 83 ? ".reg .b128 %q<16>;\n" : "\n";
  text += "label:\ntable: .branchtargets label;\n";
  for (const std::string& line : lines) text += line + ";\n";
  return text + "ret;\n}\n";
}

uint32_t SampleLine(size_t n) {
  return static_cast<uint32_t>(n) + 15;
}

std::vector<std::string> SpellingsOf(const std::string& form, size_t most) {
  std::vector<std::vector<std::string>> slots;
  for (std::string word : SplitAt(form, ' ')) {
    if (word == "*") continue;
    std::vector<std::string> members;
    if (word.back() == '?') {
      word.pop_back();
      members.push_back("");
    }
    AddMembers(word, members);
    slots.push_back(std::move(members));
  }
  uint64_t count = 1;
  for (const auto& slot : slots) count *= slot.size();
  std::vector<std::string> spellings;
  const uint64_t step = std::max<uint64_t>(1, count / most);
  // An odd stride walks through all slots' members even where it is long.
  for (uint64_t i = 0, n = 0; n < count && spellings.size() < most; ++n, i += step | 1) {
    uint64_t rest = i % count;
    std::string spelling;
    for (const auto& slot : slots) {
      const std::string& member = slot[rest % slot.size()];
      rest /= slot.size();
      if (!member.empty()) spelling += (spelling.empty() ? "" : ".") + member;
    }
    spellings.push_back(std::move(spelling));
  }
  return spellings;
}

bool HavePtxas() {
  return !Tool("ptxas").empty();
}
bool HaveDisassembler() {
  return !Tool("cuobjdump").empty() && !Tool("nvdisasm").empty();
}

std::string PtxasErrors(const std::string& text, const std::string& target) {
  const TemporaryFile ptx(text);
  const std::string said = Run(fmt::format("{} -O0 -w -arch={} {} -o /dev/null 2>&1", Tool("ptxas"),
                                           target, ptx.path.string()));
  std::string errors;
  std::stringstream stream(said);
  for (std::string line; std::getline(stream, line);) {
    if (line.rfind("ptxas info", 0) != 0) errors += line + "\n";
  }
  return errors;
}

std::string MachineCode(const std::string& text, const std::string& target) {
  const TemporaryFile ptx(text);
  const TemporaryFile cubin("");
  Run(fmt::format("{} -w -arch={} {} -o {} 2>&1", Tool("ptxas"), target, ptx.path.string(),
                  cubin.path.string()));
  return SectionOf(ReadText(cubin.path), ".text.k");
}

}  // namespace souk::ptx
