#include "client/limits/work_pace.h"

#include <cmath>

#include "base/bytes.h"

namespace shoal::client {
namespace {

constexpr absl::string_view kMagic = "SHWP";
constexpr uint16_t kFormatVersion = 1;
// Per observation: about the last ten count.
constexpr double kForgetting = 0.9;
// Round trips of a new connection and a call.
constexpr double kSecondsPerConnection = 0.5;

bool IsRate(double amount, double seconds) {
  return std::isfinite(amount) && amount > 0 && std::isfinite(seconds) &&
         seconds > 0;
}

}  // namespace

void WorkPace::Observe(const Work& work) {
  const double bytes = work.bytes_received + work.bytes_sent;
  if ((bytes > 0) == (work.flops > 0)) return;
  const double amount = bytes + work.flops;  // one of them is zero
  const double seconds =
      work.seconds - kSecondsPerConnection * work.connections;
  if (!IsRate(amount, seconds)) return;
  Seen& seen = bytes > 0 ? bytes_ : flops_;
  seen.amount = kForgetting * seen.amount + amount;
  seen.seconds = kForgetting * seen.seconds + seconds;
}

absl::Duration WorkPace::Predict(const Work& work) const {
  const double bytes = work.bytes_received + work.bytes_sent;
  return absl::Seconds(kSecondsPerConnection * work.connections +
                       bytes * bytes_.seconds / bytes_.amount +
                       work.flops * flops_.seconds / flops_.amount);
}

Work WorkPace::Timed(Work work) const {
  work.seconds = absl::ToDoubleSeconds(Predict(work));
  return work;
}

std::string WorkPace::Serialize() const {
  std::string out(kMagic);
  AppendU16(out, kFormatVersion);
  for (const Seen& seen : {flops_, bytes_}) {
    AppendF64(out, seen.amount);
    AppendF64(out, seen.seconds);
  }
  return out;
}

absl::Status WorkPace::Restore(absl::string_view bytes) {
  ByteReader reader(bytes);
  const absl::string_view magic = reader.Bytes(kMagic.size());
  const uint16_t version = reader.U16();
  WorkPace other;
  for (Seen* seen : {&other.flops_, &other.bytes_}) {
    seen->amount = reader.F64();
    seen->seconds = reader.F64();
  }
  if (magic != kMagic || version != kFormatVersion || !reader.ok() ||
      !reader.rest().empty() ||
      !IsRate(other.flops_.amount, other.flops_.seconds) ||
      !IsRate(other.bytes_.amount, other.bytes_.seconds)) {
    return absl::DataLossError("the pace of work is damaged");
  }
  *this = other;
  return absl::OkStatus();
}

}  // namespace shoal::client
