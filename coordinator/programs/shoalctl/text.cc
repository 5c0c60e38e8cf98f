#include "coordinator/programs/shoalctl/text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/human_duration.h"
#include "protocol/json.h"
#include "protocol/wire.h"

namespace shoal::shoalctl {
namespace {

constexpr size_t kShortDigits = 12;

bool LooksLikeNumber(absl::string_view cell) {
  if (cell == "-") return true;  // there is none
  absl::ConsumePrefix(&cell, "-");
  return !cell.empty() && absl::ascii_isdigit(cell[0]);
}

// A column of numbers is aligned to the right.
bool IsNumeric(const std::vector<std::vector<std::string>>& rows,
               size_t column) {
  return rows.size() > 1 &&
         std::all_of(rows.begin() + 1, rows.end(), [&](const auto& row) {
           return LooksLikeNumber(row[column]);
         });
}

void AppendCell(std::string& line, const std::string& cell, size_t width,
                bool right) {
  const std::string padding(width - cell.size(), ' ');
  absl::StrAppend(&line, line.empty() ? "" : "  ", right ? padding : "", cell,
                  right ? "" : padding);
}

// Parts of a second do not matter to people who look back.
std::string Span(absl::Duration span) {
  return HumanDuration(absl::Trunc(span, absl::Seconds(1)));
}

}  // namespace

std::string Table::ToString() const {
  const size_t columns = rows_.front().size();
  std::vector<size_t> widths(columns, 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < columns; ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < columns; ++i) {
      AppendCell(line, row[i], widths[i], IsNumeric(rows_, i));
    }
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string FieldsText(const Fields& fields) {
  size_t width = 0;
  for (const auto& [name, value] : fields) {
    width = std::max(width, name.size());
  }
  std::string text;
  for (const auto& [name, value] : fields) {
    std::string line =
        absl::StrCat(name, std::string(width - name.size() + 2, ' '), value);
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string Relative(absl::Time time, absl::Time now) {
  const absl::Duration span = now - time;
  if (span < absl::ZeroDuration()) return absl::StrCat("in ", Span(-span));
  return absl::StrCat(Span(span), " ago");
}

std::string Since(bool has, const google::protobuf::Timestamp& time,
                  absl::Time now) {
  return has ? Relative(protocol::FromProto(time), now) : "-";
}

std::string Exact(bool has, const google::protobuf::Timestamp& proto,
                  absl::Time now) {
  if (!has) return "-";
  const absl::Time time = protocol::FromProto(proto);
  return absl::StrCat(
      absl::FormatTime("%Y-%m-%d %H:%M:%SZ", time, absl::UTCTimeZone()), " (",
      Relative(time, now), ")");
}

std::string Bytes(uint64_t num_bytes) {
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (num_bytes < 1024) return absl::StrCat(num_bytes, " B");
  double value = static_cast<double>(num_bytes) / 1024;
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string FullDigest(const std::string& raw) {
  return OrDash(absl::BytesToHexString(raw));
}

std::string ShortDigest(const std::string& raw) {
  return FullDigest(raw).substr(0, kShortDigits);
}

std::string OrDash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::string StateText(v1::RoundState state) {
  const auto* value = v1::RoundState_descriptor()->FindValueByNumber(state);
  return value == nullptr ? absl::StrCat(state) : protocol::EnumText(*value);
}

std::string StateText(v1::TaskState state) {
  const auto* value = v1::TaskState_descriptor()->FindValueByNumber(state);
  return value == nullptr ? absl::StrCat(state) : protocol::EnumText(*value);
}

std::string Wrapped(absl::string_view text) {
  constexpr size_t kWidth = 100;
  std::string lines;
  size_t length = 0;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (length > 0 && length + 1 + word.size() > kWidth) {
      lines += '\n';
      length = 0;
    } else if (length > 0) {
      lines += ' ';
      ++length;
    }
    absl::StrAppend(&lines, word);
    length += word.size();
  }
  return lines + "\n";
}

}  // namespace shoal::shoalctl
