// Lanes call one after the other, lowest first. What a kernel hands over is read through the same
// checks as any access of its own.
#include "gpu/cpu/system_calls.h"

#include <cstdio>
#include <cstring>
#include <iterator>

#include "gpu/cpu/checker.h"
#include "gpu/cpu/handlers.h"

namespace souk::gpu::cpu {
namespace {

inline constexpr uint64_t kGrain = 16;
// A format and the texts that it names; C++ names and paths of assertions are within it.
inline constexpr uint64_t kMostTextBytes = 8192;
// Field widths and precisions.
inline constexpr int kWidest = 1024;
// CUDA C++ Programming Guide, "Formatted Output", "Limitations": conversions beyond these are
// printed as they stand. So is all from one on that it cannot follow: where the next argument would
// be is not known then.
inline constexpr uint32_t kMostArguments = 32;

// ---- Reading what lanes point at ----

const uint8_t* At(Warp& w, const Op* op, uint32_t lane, uint64_t address, uint32_t bytes) {
  if (w.memory->checker != nullptr) w.memory->checker->HandOver(w, op, lane, address, bytes);
  return Resolve(w, op, lane, Window::kGeneric, address, bytes, Touch::kRead);
}

// False with the fault noted. What goes on beyond kMostTextBytes is cut. Costs as much as
// instructions that would read it, or a kernel could use up hours within its budget.
bool ReadText(Warp& w, const Op* op, uint32_t lane, uint64_t address, std::string& text) {
  text.clear();
  while (text.size() < kMostTextBytes) {
    const uint8_t* at = At(w, op, lane, address + text.size(), 1);
    if (at == nullptr) return false;
    ++w.executed;
    if (*at == 0) break;
    text.push_back(static_cast<char>(*at));
  }
  return true;
}

// The variable arguments: each at its own alignment (Interoperability, "Variadic functions").
class Arguments {
 public:
  Arguments(Warp& w, const Op* op, uint32_t lane, uint64_t address)
      : w_(w), op_(op), lane_(lane), begin_(address) {}

  bool Next(uint32_t bytes, uint64_t& value) {
    offset_ = (offset_ + bytes - 1) / bytes * bytes;
    const uint8_t* at = At(w_, op_, lane_, begin_ + offset_, bytes);
    if (at == nullptr) return false;
    value = 0;
    std::memcpy(&value, at, bytes);
    offset_ += bytes;
    ++taken_;
    return true;
  }
  uint32_t taken() const { return taken_; }

 private:
  Warp& w_;
  const Op* op_;
  uint32_t lane_;
  uint64_t begin_;
  uint64_t offset_ = 0;
  uint32_t taken_ = 0;
};

// ---- printf (CUDA C++ Programming Guide, "Formatted Output"):
// %[flags][width][.precision][size]type ----

struct Conversion {
  std::string flags = {};
  bool star_width = false;
  bool star_precision = false;
  int width = 0;
  int precision = -1;
  bool wide = false;  // l, ll: eight bytes
  int halves = 0;     // h, hh
  char type = 0;
};

bool ReadNumber(std::string_view format, size_t& at, int& number) {
  number = 0;
  for (; at < format.size() && format[at] >= '0' && format[at] <= '9'; ++at) {
    number = number * 10 + (format[at] - '0');
    if (number > kWidest) return false;
  }
  return true;
}

// False where it is none that printf has, or too wide.
bool ReadConversion(std::string_view format, size_t& at, Conversion& c) {
  while (at < format.size() && std::strchr("-+ #0", format[at]) != nullptr) {
    if (c.flags.find(format[at]) == std::string::npos) c.flags += format[at];
    ++at;
  }
  if (at < format.size() && format[at] == '*') {
    c.star_width = true;
    ++at;
  } else if (!ReadNumber(format, at, c.width)) {
    return false;
  }
  if (at < format.size() && format[at] == '.') {
    ++at;
    c.precision = 0;
    if (at < format.size() && format[at] == '*') {
      c.star_precision = true;
      ++at;
    } else if (!ReadNumber(format, at, c.precision)) {
      return false;
    }
  }
  for (; at < format.size() && std::strchr("hlzjtL", format[at]) != nullptr; ++at) {
    c.halves += format[at] == 'h' ? 1 : 0;
    c.wide |= format[at] != 'h' && format[at] != 'L';
  }
  if (at >= format.size()) return false;
  c.type = format[at++];
  return std::strchr("cdiouxXpeEfFgGaAs", c.type) != nullptr;
}

bool Bounded(int value) {
  return value >= -kWidest && value <= kWidest;
}

// False: a fault (w.stop says so), or what is no conversion, or a width out of bounds; from there
// on the format is appended as it stands.
class Printer {
 public:
  Printer(Warp& w, const Op* op, uint32_t lane, uint64_t arguments)
      : w_(w), op_(op), lane_(lane), arguments_(w, op, lane, arguments) {}

  bool Print(std::string_view format, std::string& out) {
    for (size_t at = 0; at < format.size();) {
      if (format[at] != '%') {
        out += format[at++];
        continue;
      }
      ++at;
      if (at < format.size() && format[at] == '%') {
        out += format[at++];
        continue;
      }
      if (taken() >= kMostArguments) {
        out += '%';
        continue;
      }
      const size_t begin = at - 1;
      Conversion c;
      if (ReadConversion(format, at, c) && One(c, out)) continue;
      out += format.substr(begin);
      return false;
    }
    return true;
  }
  uint32_t taken() const { return arguments_.taken(); }

 private:
  bool One(Conversion& c, std::string& out) {
    uint64_t value = 0;
    if (c.star_width) {
      if (!arguments_.Next(4, value)) return false;
      c.width = static_cast<int32_t>(value);
    }
    if (c.star_precision) {
      if (!arguments_.Next(4, value)) return false;
      c.precision = static_cast<int32_t>(value);
    }
    if (!Bounded(c.width) || !Bounded(c.precision)) return false;
    const bool eight = c.wide || std::strchr("peEfFgGaAs", c.type) != nullptr;
    if (!arguments_.Next(eight ? 8 : 4, value)) return false;
    return Convert(c, value, out);
  }

  bool Convert(const Conversion& c, uint64_t value, std::string& out) {
    const bool has_precision = c.precision >= 0;
    switch (c.type) {
      case 'c':
        return Put(c, "", false, static_cast<int>(value), out);
      case 'd':
      case 'i': {
        int64_t number = static_cast<int64_t>(value);
        if (!c.wide) number = static_cast<int32_t>(value);
        if (c.halves == 1) number = static_cast<int16_t>(value);
        if (c.halves > 1) number = static_cast<int8_t>(value);
        return Put(c, "ll", has_precision, static_cast<long long>(number), out);
      }
      case 'o':
      case 'u':
      case 'x':
      case 'X':
        if (c.halves == 1) value &= 0xffff;
        if (c.halves > 1) value &= 0xff;
        return Put(c, "ll", has_precision, static_cast<unsigned long long>(value), out);
      case 'p':
        if (value == 0) return PutText(c, "(nil)", out);
        return PutText(c, Hex(value), out);
      case 's': {
        std::string text;
        if (value == 0) {
          text = "(null)";
        } else if (!ReadText(w_, op_, lane_, value, text)) {
          return false;
        }
        return PutText(c, has_precision ? text.substr(0, static_cast<size_t>(c.precision)) : text,
                       out);
      }
      default: {
        double number = 0;
        std::memcpy(&number, &value, sizeof(number));
        return Put(c, "", has_precision, number, out);
      }
    }
  }

  static std::string Hex(uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
    return text;
  }

  bool PutText(const Conversion& c, std::string text, std::string& out) {
    const size_t width = static_cast<size_t>(std::abs(c.width));
    const bool left = c.width < 0 || c.flags.find('-') != std::string::npos;
    if (text.size() < width) text.insert(left ? text.size() : 0, width - text.size(), ' ');
    out += text;
    return true;
  }

  template <typename T>
  bool Put(const Conversion& c, const char* size, bool has_precision, T value, std::string& out) {
    std::string format = "%" + c.flags + "*";
    if (has_precision) format += ".*";
    format += size;
    format += c.type;
    // %f of the largest double with the widest precision.
    char text[kWidest + 400];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    const int length =
        has_precision
            ? std::snprintf(text, sizeof(text), format.c_str(), c.width, c.precision, value)
            : std::snprintf(text, sizeof(text), format.c_str(), c.width, value);
#pragma GCC diagnostic pop
    if (length < 0 || static_cast<size_t>(length) >= sizeof(text)) return false;
    out.append(text, static_cast<size_t>(length));
    return true;
  }

  Warp& w_;
  const Op* op_;
  uint32_t lane_;
  Arguments arguments_;
};

void Keep(SystemState& state, const std::string& text) {
  if (text.size() <= state.print_left && !state.cut) {
    state.printed += text;
    state.print_left -= text.size();
  } else {
    state.cut = true;
  }
}

// a: the format, b: the arguments. CUDA's printf returns how many arguments it took; -1 without a
// format, -2 where it cannot follow it.
const Op* Printf(Warp& w, const Op* op) {
  SystemState& state = *w.memory->system;
  for (uint32_t left = w.Mask(op); left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    const uint64_t format_address = w.Lanes<uint64_t>(op->a)[lane];
    uint32_t& result = w.Lanes<uint32_t>(op->dst)[lane];
    if (format_address == 0) {
      result = UINT32_MAX;
      continue;
    }
    std::string format;
    if (!ReadText(w, op, lane, format_address, format)) return nullptr;
    Printer printer(w, op, lane, w.Lanes<uint64_t>(op->b)[lane]);
    std::string text;
    const bool done = printer.Print(format, text);
    if (!done && w.stop == Stop::kFault) return nullptr;
    // What was made of it costs as much as instructions that would write it, printed or not.
    w.executed += text.size();
    Keep(state, text);
    result = done ? printer.taken() : UINT32_MAX - 1;
  }
  return op + 1;
}

// a: message, b: file, c: line, extra: function (Interoperability, "__assertfail"). Ends the
// kernel.
const Op* AssertFail(Warp& w, const Op* op) {
  const uint32_t mask = w.Mask(op);
  if (mask == 0) return op + 1;
  const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(mask));
  std::string message;
  std::string file;
  std::string function;
  const uint64_t function_at = w.Lanes<uint64_t>(w.extra[op->extra])[lane];
  if (!ReadText(w, op, lane, w.Lanes<uint64_t>(op->a)[lane], message) ||
      !ReadText(w, op, lane, w.Lanes<uint64_t>(op->b)[lane], file) ||
      !ReadText(w, op, lane, function_at, function)) {
    return nullptr;
  }
  w.memory->system->assertion = file + ":" + std::to_string(w.Lanes<uint32_t>(op->c)[lane]) + ": " +
                                function + ": assertion `" + message + "` failed";
  return w.Fail(op, FaultKind::kAssertion, lane);
}

// a: bytes.
const Op* Malloc(Warp& w, const Op* op) {
  for (uint32_t left = w.Mask(op); left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    w.Lanes<uint64_t>(op->dst)[lane] =
        w.memory->system->heap->Allocate(w.Lanes<uint64_t>(op->a)[lane], &w.executed);
  }
  return op + 1;
}

// a: the address. free(nullptr) does nothing.
const Op* Free(Warp& w, const Op* op) {
  for (uint32_t left = w.Mask(op); left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    const uint64_t address = w.Lanes<uint64_t>(op->a)[lane];
    if (address != 0 && !w.memory->system->heap->Free(address)) {
      return w.FailAccess(op, FaultKind::kBadFree, lane, Window::kGeneric, address, 1, true);
    }
  }
  return op + 1;
}

}  // namespace

SystemCall FindSystemCall(std::string_view name) {
  if (name == "vprintf") return SystemCall::kPrintf;
  if (name == "malloc") return SystemCall::kMalloc;
  if (name == "free") return SystemCall::kFree;
  if (name == "__assertfail") return SystemCall::kAssertFail;
  return SystemCall::kNone;
}

uint64_t Heap::Allocate(uint64_t bytes, uint64_t* looked_at) {
  if (bytes == 0 || bytes > kHeapBytes) return 0;
  const uint64_t need = (bytes + kGrain - 1) / kGrain * kGrain;
  for (auto at = free_.begin(); at != free_.end(); ++at) {
    ++*looked_at;
    if (at->second < need) continue;
    const uint64_t address = at->first;
    const uint64_t left = at->second - need;
    free_.erase(at);
    if (left != 0) free_[address + need] = left;
    used_[address] = need;
    return address;
  }
  return 0;
}

bool Heap::Free(uint64_t address) {
  const auto found = used_.find(address);
  if (found == used_.end()) return false;
  auto at = free_.emplace(address, found->second).first;
  used_.erase(found);
  const auto next = std::next(at);
  if (next != free_.end() && at->first + at->second == next->first) {
    at->second += next->second;
    free_.erase(next);
  }
  if (at != free_.begin()) {
    const auto before = std::prev(at);
    if (before->first + before->second == at->first) {
      before->second += at->second;
      free_.erase(at);
    }
  }
  return true;
}

void RegisterSystemCalls(HandlerTable& t) {
  const auto put = [&](Fn fn, Handler handler) {
    t.At(fn, Ty::kNone) = HandlerPair{handler, handler};
  };
  put(Fn::kPrintf, &Printf);
  put(Fn::kAssertFail, &AssertFail);
  put(Fn::kMalloc, &Malloc);
  put(Fn::kFree, &Free);
}

}  // namespace souk::gpu::cpu
