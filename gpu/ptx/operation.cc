#include "gpu/ptx/operation.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "gpu/ptx/forms.h"

namespace souk::ptx {
namespace {

// More than any instruction of ISA 9.0 has.
constexpr size_t kMaxModifiers = 24;

struct TypeRow {
  const char* name;
  uint32_t bits;
};
constexpr TypeRow kTypes[] = {{"", 0},
#define X(type, text, bits) {text, bits},
                              SOUK_PTX_TYPES(X)
#undef X
};
constexpr const char* kOpcodes[] = {"?",
#define X(opcode, text) text,
                                    SOUK_PTX_OPCODES(X)
#undef X
};

template <typename E>
using Spellings = std::initializer_list<std::pair<std::string_view, E>>;

template <typename E>
bool Take(E& field, Spellings<E> names, std::string_view modifier) {
  for (const auto& [name, value] : names) {
    if (name != modifier) continue;
    field = value;
    return true;
  }
  return false;
}

bool IsIn(Opcode opcode, std::initializer_list<Opcode> opcodes) {
  return std::find(opcodes.begin(), opcodes.end(), opcode) != opcodes.end();
}

bool TakeType(Operation& op, std::string_view modifier) {
  const Type type = FindType(modifier);
  if (type == Type::kNone) return false;
  for (Type* field : {&op.type, &op.type2, &op.type3, &op.type4}) {
    if (*field != Type::kNone) continue;
    *field = type;
    return true;
  }
  return false;  // a fifth type (block-scaled mma) stays in `rest`
}

bool TakeRounding(Operation& op, std::string_view modifier) {
  return Take(op.rounding,
              {{"rn", Rounding::kRn},
               {"rz", Rounding::kRz},
               {"rm", Rounding::kRm},
               {"rp", Rounding::kRp},
               {"rni", Rounding::kRni},
               {"rzi", Rounding::kRzi},
               {"rmi", Rounding::kRmi},
               {"rpi", Rounding::kRpi},
               {"rna", Rounding::kRna},
               {"rs", Rounding::kRs}},
              modifier);
}

bool TakeSpace(Operation& op, std::string_view modifier) {
  Space space = Space::kGeneric;
  if (!Take(space,
            {{"const", Space::kConst},
             {"global", Space::kGlobal},
             {"local", Space::kLocal},
             {"param", Space::kParam},
             {"param::entry", Space::kParam},
             {"param::func", Space::kParam},
             {"shared", Space::kShared},
             {"shared::cta", Space::kShared},
             {"shared::cluster", Space::kSharedCluster}},
            modifier)) {
    return false;
  }
  (op.space == Space::kGeneric ? op.space : op.space2) = space;
  return true;
}

bool TakeMemory(Operation& op, std::string_view modifier) {
  if (modifier == "volatile") {
    op.is_volatile = true;
    return true;
  }
  if (modifier == "weak") return true;  // the default
  return TakeSpace(op, modifier) ||
         Take<uint8_t>(op.vector, {{"v2", 2}, {"v4", 4}, {"v8", 8}}, modifier) ||
         Take(op.order,
              {{"relaxed", Order::kRelaxed},
               {"acquire", Order::kAcquire},
               {"release", Order::kRelease},
               {"acq_rel", Order::kAcqRel},
               {"sc", Order::kSc}},
              modifier) ||
         Take(op.scope,
              {{"cta", Scope::kCta},
               {"cluster", Scope::kCluster},
               {"gpu", Scope::kGpu},
               {"gl", Scope::kGpu},
               {"sys", Scope::kSys}},
              modifier) ||
         Take(op.cache,
              {{"ca", CacheOp::kCa},
               {"cg", CacheOp::kCg},
               {"cs", CacheOp::kCs},
               {"lu", CacheOp::kLu},
               {"cv", CacheOp::kCv},
               {"wb", CacheOp::kWb},
               {"wt", CacheOp::kWt}},
              modifier);
}

bool TakeCompare(Operation& op, std::string_view modifier) {
  return Take(op.compare,
              {{"eq", Compare::kEq},
               {"ne", Compare::kNe},
               {"lt", Compare::kLt},
               {"le", Compare::kLe},
               {"gt", Compare::kGt},
               {"ge", Compare::kGe},
               {"lo", Compare::kLo},
               {"ls", Compare::kLs},
               {"hi", Compare::kHi},
               {"hs", Compare::kHs},
               {"equ", Compare::kEqu},
               {"neu", Compare::kNeu},
               {"ltu", Compare::kLtu},
               {"leu", Compare::kLeu},
               {"gtu", Compare::kGtu},
               {"geu", Compare::kGeu},
               {"num", Compare::kNum},
               {"nan", Compare::kNan}},
              modifier);
}

bool TakeCombine(Operation& op, std::string_view modifier) {
  return Take(op.combine,
              {{"and", Combine::kAnd},
               {"or", Combine::kOr},
               {"xor", Combine::kXor},
               {"add", Combine::kAdd},
               {"min", Combine::kMin},
               {"max", Combine::kMax},
               {"inc", Combine::kInc},
               {"dec", Combine::kDec},
               {"exch", Combine::kExch},
               {"cas", Combine::kCas},
               {"popc", Combine::kPopc}},
              modifier);
}

// A word that means one thing in one family of instructions and another in the next.
bool TakeByFamily(Operation& op, std::string_view m) {
  switch (op.opcode) {
    case Opcode::kSetp:
    case Opcode::kSet:
    case Opcode::kVset:
    case Opcode::kVset2:
    case Opcode::kVset4:
      return TakeCompare(op, m) || TakeCombine(op, m);
    case Opcode::kMul:
    case Opcode::kMad:
    case Opcode::kMadc:
    case Opcode::kMul24:
    case Opcode::kMad24:
    case Opcode::kDp2a:
      return Take(op.mul_mode,
                  {{"lo", MulMode::kLo}, {"hi", MulMode::kHi}, {"wide", MulMode::kWide}}, m);
    case Opcode::kShfl:
      return Take(op.shuffle,
                  {{"up", ShuffleMode::kUp},
                   {"down", ShuffleMode::kDown},
                   {"bfly", ShuffleMode::kBfly},
                   {"idx", ShuffleMode::kIdx}},
                  m);
    case Opcode::kVote:
    case Opcode::kMatch:
      return Take(op.vote,
                  {{"all", VoteMode::kAll},
                   {"any", VoteMode::kAny},
                   {"uni", VoteMode::kUni},
                   {"ballot", VoteMode::kBallot}},
                  m);
    case Opcode::kBar:
    case Opcode::kBarrier:
      return Take(op.barrier,
                  {{"sync", BarrierMode::kSync},
                   {"arrive", BarrierMode::kArrive},
                   {"red", BarrierMode::kRed},
                   {"wait", BarrierMode::kWait}},
                  m) ||
             TakeCombine(op, m) || (m == "warp" && (op.warp = true)) ||
             (m == "cluster" && (op.cluster = true));
    case Opcode::kPrmt:
      return Take(op.permute,
                  {{"f4e", PermuteMode::kF4e},
                   {"b4e", PermuteMode::kB4e},
                   {"rc8", PermuteMode::kRc8},
                   {"ecl", PermuteMode::kEcl},
                   {"ecr", PermuteMode::kEcr},
                   {"rc16", PermuteMode::kRc16}},
                  m);
    case Opcode::kTestp:
      return Take(op.test,
                  {{"finite", TestProperty::kFinite},
                   {"infinite", TestProperty::kInfinite},
                   {"number", TestProperty::kNumber},
                   {"notanumber", TestProperty::kNotanumber},
                   {"normal", TestProperty::kNormal},
                   {"subnormal", TestProperty::kSubnormal}},
                  m);
    case Opcode::kShf:
      return (m == "r" && (op.right = true)) || m == "l";
    default:
      // Atomics, reductions, video instructions; elsewhere these words do not occur.
      return !IsIn(op.opcode, {Opcode::kMbarrier, Opcode::kCp, Opcode::kWmma, Opcode::kMma}) &&
             TakeCombine(op, m);
  }
}

bool* Flag(Operation& op, std::string_view m) {
  const std::pair<std::string_view, bool*> flags[] = {
      {"ftz", &op.ftz},         {"noftz", &op.noftz},
      {"sat", &op.sat},         {"satfinite", &op.satfinite},
      {"relu", &op.relu},       {"NaN", &op.nan},
      {"xorsign", &op.xorsign}, {"abs", &op.abs},
      {"approx", &op.approx},   {"full", &op.full},
      {"cc", &op.cc},           {"uni", &op.uni},
      {"to", &op.to},           {"sync", &op.sync},
      {"aligned", &op.aligned}, {"mmio", &op.mmio},
      {"nc", &op.nc},           {"shiftamt", &op.shiftamt},
      {"wrap", &op.wrap},       {"clamp", &op.clamp},
      {"idx", &op.idx}};
  for (const auto& [name, flag] : flags) {
    if (name == m) return flag;
  }
  return nullptr;
}

void TakeModifier(Operation& op, std::string_view modifier) {
  if (TakeType(op, modifier) || TakeByFamily(op, modifier) || TakeRounding(op, modifier) ||
      TakeMemory(op, modifier)) {
    return;
  }
  if (bool* const flag = Flag(op, modifier)) {
    *flag = true;
    return;
  }
  op.rest.emplace_back(modifier);
}

// What an instruction means without saying it.
void FillDefaults(Operation& op) {
  switch (op.opcode) {
    case Opcode::kAtom:
    case Opcode::kRed:
      if (op.order == Order::kWeak) op.order = Order::kRelaxed;
      if (op.scope == Scope::kNone) op.scope = Scope::kGpu;
      break;
    case Opcode::kMembar:
      op.order = Order::kSc;
      break;
    case Opcode::kFence:
      if (op.order == Order::kWeak) op.order = Order::kAcqRel;
      break;
    case Opcode::kBar:
      if (!op.warp) op.aligned = true;
      break;
    default:
      break;
  }
}

// Whether every value of the integer type `from` is one of `to`.
bool Holds(Type to, Type from) {
  if (IsSigned(from) && !IsSigned(to)) return false;
  const bool needs_sign_bit = IsSigned(to) && !IsSigned(from);
  return TypeBits(to) >= TypeBits(from) + (needs_sign_bit ? 1 : 0);
}

bool HasPrefix(const Operation& op, std::string_view prefix) {
  return std::any_of(op.rest.begin(), op.rest.end(), [&](const std::string& modifier) {
    return modifier.compare(0, prefix.size(), prefix) == 0;
  });
}

bool SharedWithOthers(Space space) {
  return space == Space::kGeneric || space == Space::kGlobal || space == Space::kShared ||
         space == Space::kSharedCluster;
}

std::string AccessContradiction(const Operation& op) {
  const bool ordered = op.order != Order::kWeak;
  if (ordered != (op.scope != Scope::kNone)) return "memory order without scope or the reverse";
  if (ordered && op.is_volatile) return ".volatile with a memory order";
  if (op.mmio && (op.order != Order::kRelaxed || op.scope != Scope::kSys)) {
    return ".mmio without .relaxed.sys";
  }
  if (op.is_volatile && op.cache != CacheOp::kNone) return ".volatile with a cache operator";
  if (ordered && op.cache != CacheOp::kNone) return "a cache operator with a memory order";
  if (op.mmio && (op.vector > 1 || !op.rest.empty())) return ".mmio on more than one plain word";
  if (ordered && !SharedWithOthers(op.space)) return "memory order on memory of one thread";
  if (op.is_volatile && !SharedWithOthers(op.space)) return ".volatile on memory of one thread";
  if (op.mmio && op.space != Space::kGlobal && op.space != Space::kGeneric) {
    return ".mmio on memory that is not global";
  }
  const bool hints = HasPrefix(op, "L2::") || HasPrefix(op, "L1::");
  if (hints && (op.is_volatile || (op.space != Space::kGlobal && op.space != Space::kGeneric))) {
    return "a cache hint on an access that is not cached";
  }
  const uint32_t bits = TypeBits(op.type) * op.vector;
  const bool may_be_wide =
      op.space == Space::kGlobal && op.opcode != Opcode::kLdu &&
      ((op.vector == 8 && TypeBits(op.type) == 32) || (op.vector == 4 && TypeBits(op.type) == 64));
  if ((bits > 128 || op.vector == 8) && !may_be_wide) {
    return "a vector wider than memory accesses are";
  }
  if (HasPrefix(op, "L2::evict") && bits != 256) return "an L2 priority on a narrow access";
  return "";
}

// Here order matters: which operation comes first, and A's layout stands before B's.
std::string MatrixContradiction(const Operation& op) {
  if (!op.version_known) return "";
  if (op.opcode == Opcode::kWmma) {
    const std::string_view spelling = op.spelling;
    for (const char* const begin :
         {"wmma.load.a.", "wmma.load.b.", "wmma.load.c.", "wmma.store.d.", "wmma.mma."}) {
      if (spelling.starts_with(begin)) return "";
    }
    return "wmma's operation behind other modifiers";
  }
  const auto at = [&](const char* layout) {
    return std::find(op.rest.begin(), op.rest.end(), layout);
  };
  return at("col") < at("row") ? ".col for the first matrix" : "";
}

// The destination's space stands first.
std::string CopyContradiction(const Operation& op) {
  if (op.space2 == Space::kGeneric) return "";
  const bool to_global = op.HasRest("bulk_group");
  const bool suits = to_global ? op.space == Space::kGlobal
                               : op.space != Space::kGlobal && op.space2 != Space::kSharedCluster;
  return suits ? "" : "a copy between such spaces";
}

// Rules between modifiers that the table of forms does not hold.
std::string Contradiction(const Operation& op) {
  if (IsIn(op.opcode, {Opcode::kLd, Opcode::kSt, Opcode::kLdu})) return AccessContradiction(op);
  if (IsIn(op.opcode, {Opcode::kAtom, Opcode::kRed}) && op.HasRest("L2::cache_hint") &&
      ((op.space != Space::kGlobal && op.space != Space::kGeneric) ||
       op.combine == Combine::kCas)) {
    return "a cache hint on an access that is not cached";
  }
  if (op.opcode == Opcode::kCp) return CopyContradiction(op);
  if (IsIn(op.opcode, {Opcode::kWmma, Opcode::kMma})) return MatrixContradiction(op);
  const std::string_view name = OpcodeName(op.opcode);
  const bool is_simd_video = name[0] == 'v' && (name.back() == '2' || name.back() == '4');
  if (is_simd_video && op.sat && op.combine != Combine::kNone) return ".sat together with .add";
  const bool integers = !IsFloat(op.type) && !IsFloat(op.type2);
  if (op.opcode == Opcode::kCvt && op.sat && integers && !op.HasRest("pack") &&
      Holds(op.type, op.type2)) {
    return ".sat on a conversion that always fits";
  }
  return "";
}

// Requirements that come from several modifiers together.
void RaiseRequirement(Operation& op) {
  const auto raise = [&](uint32_t version, uint32_t target) {
    op.needs_version = std::max(op.needs_version, version);
    op.needs_target = std::max(op.needs_target, target);
  };
  if (IsIn(op.opcode, {Opcode::kLd, Opcode::kSt}) && TypeBits(op.type) * op.vector > 128) {
    raise(88, 100);
  }
  if (op.opcode == Opcode::kAtom && op.type == Type::kB128 && op.scope == Scope::kSys) {
    raise(84, 90);
  }
}

bool IsBlockScaled(Type type) {
  return type == Type::kUe8m0x2 || type == Type::kE2m1x2 || type == Type::kE2m3x2 ||
         type == Type::kE3m2x2;
}

// "Target ISA Notes"; of wgmma, tcgen05, ldmatrix and stmatrix whatever the table leaves open.
SuffixNeed SuffixOf(const Operation& op) {
  constexpr uint32_t kNewest = 121;
  switch (op.opcode) {
    case Opcode::kWgmma:
      return {90, 90, true};
    case Opcode::kTcgen05:
      return {100, 110};
    case Opcode::kSetmaxnreg:
      return {90, kNewest};
    case Opcode::kTensormap:
      return op.HasRest("replace") ? SuffixNeed{90, kNewest} : SuffixNeed{};
    case Opcode::kLdmatrix:
    case Opcode::kStmatrix:
      return op.version_known ? SuffixNeed{} : SuffixNeed{100, kNewest};
    case Opcode::kRedux:
      return op.type == Type::kF32 ? SuffixNeed{100, 103} : SuffixNeed{};
    case Opcode::kCvt:
      if (op.rounding == Rounding::kRs) return {100, 103, true};
      return IsBlockScaled(op.type) || IsBlockScaled(op.type2) ? SuffixNeed{100, kNewest}
                                                               : SuffixNeed{};
    default:
      return {};
  }
}

std::vector<std::string_view> SplitDots(std::string_view spelling) {
  std::vector<std::string_view> parts;
  while (parts.size() <= kMaxModifiers) {
    const size_t dot = spelling.find('.');
    parts.push_back(spelling.substr(0, dot));
    if (dot == std::string_view::npos) break;
    spelling.remove_prefix(dot + 1);
  }
  return parts;
}

std::string FirstStrangeModifier(Opcode opcode, const std::vector<std::string_view>& parts) {
  // Names the one modifier without which the rest would be known, where there is one.
  for (size_t drop = 1; drop < parts.size(); ++drop) {
    std::vector<std::string_view> rest(parts.begin() + 1, parts.end());
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(drop - 1));
    if (MatchForm(opcode, rest).form_known) {
      return "modifier '." + std::string(parts[drop]) + "' of '" + std::string(parts[0]) + "'";
    }
  }
  return "this combination of modifiers of '" + std::string(parts[0]) + "'";
}

}  // namespace

uint32_t TypeBits(Type type) {
  return kTypes[static_cast<size_t>(type)].bits;
}
const char* TypeName(Type type) {
  return kTypes[static_cast<size_t>(type)].name;
}
const char* OpcodeName(Opcode opcode) {
  return kOpcodes[static_cast<size_t>(opcode)];
}

bool IsFloat(Type type) {
  return (type >= Type::kF16 && type <= Type::kE2m1x4);
}

bool IsSigned(Type type) {
  switch (type) {
    case Type::kS2:
    case Type::kS4:
    case Type::kS8:
    case Type::kS16:
    case Type::kS32:
    case Type::kS64:
    case Type::kS16x2:
    case Type::kS8x4:
      return true;
    default:
      return false;
  }
}

bool IsUnsigned(Type type) {
  switch (type) {
    case Type::kU2:
    case Type::kU4:
    case Type::kU8:
    case Type::kU16:
    case Type::kU32:
    case Type::kU64:
    case Type::kU16x2:
    case Type::kU8x4:
      return true;
    default:
      return false;
  }
}

bool Operation::HasRest(std::string_view modifier) const {
  return std::find(rest.begin(), rest.end(), modifier) != rest.end();
}

Operation DecodeOperation(std::string_view spelling) {
  Operation op;
  op.spelling = std::string(spelling);
  const std::vector<std::string_view> parts = SplitDots(spelling);
  const Opcode opcode = FindOpcode(parts[0]);
  if (opcode == Opcode::kUnknown) {
    op.unknown = "instruction '" + std::string(parts[0]) + "'";
    return op;
  }
  if (parts.size() > kMaxModifiers) {
    op.unknown = "more modifiers than any instruction has";
    return op;
  }
  const std::span<const std::string_view> modifiers(parts.data() + 1, parts.size() - 1);
  const FormMatch match = MatchForm(opcode, modifiers);
  if (!match.form_known) {
    op.unknown = FirstStrangeModifier(opcode, parts);
    return op;
  }
  op.opcode = opcode;
  op.needs_version = match.requirement.version;
  op.needs_target = match.requirement.target;
  op.version_known = match.requirement.known;
  for (std::string_view modifier : modifiers) TakeModifier(op, modifier);
  FillDefaults(op);
  RaiseRequirement(op);
  op.needs_suffix = SuffixOf(op);
  op.unknown = Contradiction(op);
  if (!op.unknown.empty()) op.opcode = Opcode::kUnknown;
  return op;
}

}  // namespace souk::ptx
