#include "client/limits/ledger_state.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/digest.h"

namespace shoal::client {
namespace {

constexpr absl::string_view kMagic = "SHBL";
constexpr uint16_t kFormatVersion = 1;

absl::Status Damaged(absl::string_view why) {
  return absl::DataLossError(absl::StrCat("budgets: ", why));
}

void Append(std::string& out, const Amounts& amounts) {
  AppendF64(out, amounts.joules);
  AppendF64(out, amounts.metered_bytes);
}

void Append(std::string& out, const RoundKey& round) {
  AppendSized(out, round.task);
  AppendU64(out, static_cast<uint64_t>(round.round_id));
}

Amounts ReadAmounts(ByteReader& reader) {
  const double joules = reader.F64();
  return {joules, reader.F64()};
}

// 0 or 1; anything else makes `valid` false.
bool ReadFlag(ByteReader& reader, bool& valid) {
  const uint16_t flag = reader.U16();
  valid &= flag <= 1;
  return flag == 1;
}

RoundKey ReadRound(ByteReader& reader) {
  std::string task(reader.Sized());
  return {std::move(task), static_cast<int64_t>(reader.U64())};
}

bool IsSpending(const Amounts& amounts) {
  return std::isfinite(amounts.joules) && amounts.joules >= 0 &&
         std::isfinite(amounts.metered_bytes) && amounts.metered_bytes >= 0;
}

// Rounded up: a time that is remembered too early would count twice.
uint64_t Microseconds(absl::Duration time) {
  return absl::ToInt64Microseconds(absl::Ceil(time, absl::Microseconds(1)));
}

// Whether the numbers could have come from a ledger.
bool IsPossible(const LedgerState& state) {
  const auto is_level = [](double left) {
    return !std::isnan(left) && left > -kUnlimited;
  };
  return is_level(state.left.joules) && is_level(state.left.metered_bytes) &&
         IsSpending(state.room_for_time_off) && IsSpending(state.spent_ever) &&
         state.num_crashes >= 0 &&
         (!state.reservation.has_value() ||
          IsSpending(state.reservation->amount)) &&
         (!state.round.has_value() || IsSpending(state.round->spent));
}

}  // namespace

std::string EncodeLedger(const LedgerState& state) {
  std::string out(kMagic);
  AppendU16(out, kFormatVersion);
  AppendSized(out, state.time.boot);
  AppendU64(out, Microseconds(state.time.since_boot));
  AppendU64(out, Microseconds(state.time.latest_wall - absl::UnixEpoch()));
  AppendU16(out, state.time.gap_is_open ? 1 : 0);
  Append(out, state.left);
  Append(out, state.room_for_time_off);
  AppendU16(out, state.reservation.has_value() ? 1 : 0);
  if (state.reservation.has_value()) {
    Append(out, state.reservation->amount);
    AppendU16(out, state.reservation->round.has_value() ? 1 : 0);
    if (state.reservation->round.has_value()) {
      Append(out, *state.reservation->round);
    }
  }
  AppendU16(out, state.round.has_value() ? 1 : 0);
  if (state.round.has_value()) {
    Append(out, state.round->round);
    Append(out, state.round->spent);
  }
  Append(out, state.spent_ever);
  AppendU64(out, static_cast<uint64_t>(state.num_crashes));
  AppendU32(out, Crc32(out));
  return out;
}

absl::StatusOr<LedgerState> DecodeLedger(absl::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.Bytes(kMagic.size()) != kMagic) return Damaged("wrong magic");
  const uint16_t version = reader.U16();
  if (reader.ok() && version != kFormatVersion) {
    return Damaged(absl::StrCat("format version ", version, ", expected ",
                                kFormatVersion));
  }
  LedgerState state;
  state.time.boot = std::string(reader.Sized());
  state.time.since_boot =
      absl::Microseconds(static_cast<int64_t>(reader.U64()));
  state.time.latest_wall =
      absl::FromUnixMicros(static_cast<int64_t>(reader.U64()));
  bool valid = true;
  state.time.gap_is_open = ReadFlag(reader, valid);
  state.left = ReadAmounts(reader);
  state.room_for_time_off = ReadAmounts(reader);
  if (ReadFlag(reader, valid)) {
    state.reservation.emplace();
    state.reservation->amount = ReadAmounts(reader);
    if (ReadFlag(reader, valid)) state.reservation->round = ReadRound(reader);
  }
  if (ReadFlag(reader, valid)) {
    state.round.emplace();
    state.round->round = ReadRound(reader);
    state.round->spent = ReadAmounts(reader);
  }
  state.spent_ever = ReadAmounts(reader);
  state.num_crashes = static_cast<int64_t>(reader.U64());
  const size_t size = bytes.size() - reader.rest().size();
  const uint32_t checksum = reader.U32();
  if (!reader.ok() || !reader.rest().empty()) return Damaged("wrong length");
  if (Crc32(bytes.substr(0, size)) != checksum) {
    return Damaged("wrong checksum");
  }
  if (!valid || !IsPossible(state))
    return Damaged("holds numbers that cannot be");
  return state;
}

}  // namespace shoal::client
