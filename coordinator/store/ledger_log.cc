#include "coordinator/store/ledger_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/random.h"
#include "base/status_macros.h"

namespace shoal::coordinator {
namespace {

constexpr absl::string_view kHeader = "shoal-ledger";
constexpr absl::string_view kVersion = "1";
constexpr absl::string_view kCharge = "charge";
constexpr absl::string_view kSeal = "seal";
constexpr absl::string_view kRelease = "release";

// Fields are separated by tabs, which CEscape leaves in none.
std::string TextOf(const LedgerEntry& entry) {
  if (const auto* charge = std::get_if<LedgerCharge>(&entry)) {
    const ChargeRow& row = charge->row;
    return absl::StrCat(
        kCharge, "\t", absl::CEscape(charge->name), "\t",
        absl::CEscape(row.population), "\t", absl::CEscape(charge->budget),
        "\t", absl::CEscape(row.task), "\t", row.round_id, "\t",
        absl::ToUnixMicros(row.charged), "\t", absl::CEscape(row.event));
  }
  if (const auto* seal = std::get_if<LedgerSeal>(&entry)) {
    return absl::StrCat(kSeal, "\t", absl::CEscape(seal->task), "\t",
                        seal->round_id);
  }
  const auto& release = std::get<LedgerRelease>(entry);
  return absl::StrCat(kRelease, "\t", absl::CEscape(release.task), "\t",
                      release.round_id, "\t", release.model.ToHex());
}

Digest Next(const Digest& end, absl::string_view text) {
  return Sha256(absl::StrCat(end.AsBytes(), text));
}

// Without the log nothing is sealed or released: the message says so.
absl::Status NotWritten(int error, absl::string_view path,
                        absl::string_view what) {
  const std::string message = absl::StrCat(
      ErrnoStatus(error, path, what).message(),
      ": rounds with privacy go on when this log has them, not before");
  return error == ENOSPC || error == EDQUOT || error == EFBIG
             ? absl::ResourceExhaustedError(message)
             : absl::UnavailableError(message);
}

// The last word is the log's own, so that no other log of the database ends
// anywhere where this one does.
std::string HeaderOf(absl::string_view database) {
  return absl::StrCat(kHeader, " ", kVersion, " ", database, " ",
                      absl::BytesToHexString(SystemRng().Bytes(16)));
}

// The line with its newline; moves `end` behind it.
std::string LineOf(const LedgerEntry& entry, Digest& end) {
  const std::string text = TextOf(entry);
  end = Next(end, text);
  return absl::StrCat(text, "\t", end.ToHex(), "\n");
}

std::optional<LedgerEntry> ParseCharge(
    const std::vector<absl::string_view>& fields) {
  LedgerCharge charge;
  int64_t micros = 0;
  if (fields.size() != 8 || !absl::CUnescape(fields[1], &charge.name) ||
      !absl::CUnescape(fields[2], &charge.row.population) ||
      !absl::CUnescape(fields[3], &charge.budget) ||
      !absl::CUnescape(fields[4], &charge.row.task) ||
      !absl::SimpleAtoi(fields[5], &charge.row.round_id) ||
      !absl::SimpleAtoi(fields[6], &micros) ||
      !absl::CUnescape(fields[7], &charge.row.event)) {
    return std::nullopt;
  }
  charge.row.charged = absl::FromUnixMicros(micros);
  return charge;
}

std::optional<LedgerEntry> ParseSeal(
    const std::vector<absl::string_view>& fields) {
  LedgerSeal seal;
  if (fields.size() != 3 || !absl::CUnescape(fields[1], &seal.task) ||
      !absl::SimpleAtoi(fields[2], &seal.round_id)) {
    return std::nullopt;
  }
  return seal;
}

std::optional<LedgerEntry> ParseRelease(
    const std::vector<absl::string_view>& fields) {
  LedgerRelease release;
  if (fields.size() != 4 || !absl::CUnescape(fields[1], &release.task) ||
      !absl::SimpleAtoi(fields[2], &release.round_id)) {
    return std::nullopt;
  }
  const absl::StatusOr<Digest> model = Digest::FromHex(fields[3]);
  if (!model.ok()) return std::nullopt;
  release.model = *model;
  return release;
}

// Nothing, when the line is not what was written behind `end`.
std::optional<LedgerLine> ParseLine(const Digest& end, absl::string_view line) {
  const size_t tab = line.rfind('\t');
  if (tab == absl::string_view::npos) return std::nullopt;
  const absl::string_view text = line.substr(0, tab);
  const Digest next = Next(end, text);
  if (line.substr(tab + 1) != next.ToHex()) return std::nullopt;
  const std::vector<absl::string_view> fields = absl::StrSplit(text, '\t');
  std::optional<LedgerEntry> entry;
  if (fields[0] == kCharge) entry = ParseCharge(fields);
  if (fields[0] == kSeal) entry = ParseSeal(fields);
  if (fields[0] == kRelease) entry = ParseRelease(fields);
  if (!entry.has_value()) return std::nullopt;
  return LedgerLine{*std::move(entry), next};
}

absl::StatusOr<std::string> DatabaseOf(absl::string_view header,
                                       absl::string_view path) {
  const std::vector<absl::string_view> words = absl::StrSplit(header, ' ');
  if (words.size() != 4 || words[0] != kHeader || words[2].empty() ||
      words[3].empty()) {
    return absl::DataLossError(
        absl::StrCat(path, ": this is no log of a ledger"));
  }
  if (words[1] != kVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": its format is '", words[1], "', this program knows ", kVersion,
        ": use a newer program"));
  }
  return std::string(words[2]);
}

// Takes the next line with its newline off `rest`; nothing when it has none.
std::optional<absl::string_view> TakeLine(absl::string_view& rest) {
  const size_t newline = rest.find('\n');
  if (newline == absl::string_view::npos) return std::nullopt;
  const absl::string_view line = rest.substr(0, newline);
  rest.remove_prefix(newline + 1);
  return line;
}

}  // namespace

int64_t RoundOf(const LedgerEntry& entry) {
  if (const auto* charge = std::get_if<LedgerCharge>(&entry)) {
    return charge->row.round_id;
  }
  if (const auto* seal = std::get_if<LedgerSeal>(&entry)) {
    return seal->round_id;
  }
  return std::get<LedgerRelease>(entry).round_id;
}

LedgerLog::LedgerLog(std::string path, int fd, std::string database,
                     int64_t size, const Digest& end)
    : path_(std::move(path)),
      fd_(fd),
      database_(std::move(database)),
      size_(size),
      end_(end) {}

LedgerLog::~LedgerLog() { close(fd_); }

absl::StatusOr<std::unique_ptr<LedgerLog>> LedgerLog::OpenForMore(
    const std::string& path, std::string database, int64_t size,
    const Digest& end) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, path, "open");
  return std::unique_ptr<LedgerLog>(
      new LedgerLog(path, fd, std::move(database), size, end));
}

absl::StatusOr<LedgerLog::Contents> LedgerLog::Open(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  absl::string_view rest = bytes;
  const absl::string_view header = TakeLine(rest).value_or("");
  SHOAL_ASSIGN_OR_RETURN(std::string database, DatabaseOf(header, path));
  Contents contents;
  contents.begin = Sha256(header);
  Digest end = contents.begin;
  size_t size = bytes.size() - rest.size();
  while (const std::optional<absl::string_view> line = TakeLine(rest)) {
    std::optional<LedgerLine> parsed = ParseLine(end, *line);
    if (!parsed.has_value()) {
      if (rest.empty()) break;  // the last one
      return absl::DataLossError(
          absl::StrCat(path, ": line ", contents.lines.size() + 2,
                       " is damaged, and others follow"));
    }
    end = parsed->end;
    contents.lines.push_back(*std::move(parsed));
    size = bytes.size() - rest.size();
  }
  SHOAL_ASSIGN_OR_RETURN(
      contents.log,
      OpenForMore(path, std::move(database), static_cast<int64_t>(size), end));
  return contents;
}

absl::StatusOr<std::unique_ptr<LedgerLog>> LedgerLog::Create(
    const std::string& path, const std::string& database,
    absl::Span<const LedgerEntry> entries) {
  std::string bytes = HeaderOf(database);
  Digest end = Sha256(bytes);
  bytes += "\n";
  for (const LedgerEntry& entry : entries) bytes += LineOf(entry, end);
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(path, bytes, 0600));
  return OpenForMore(path, database, static_cast<int64_t>(bytes.size()), end);
}

absl::Status LedgerLog::Write(absl::string_view bytes) {
  for (int64_t offset = size_; !bytes.empty();) {
    const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return NotWritten(errno, path_, "write");
    bytes.remove_prefix(written);
    offset += written;
  }
  return absl::OkStatus();
}

absl::Status LedgerLog::Prepare(absl::Span<const LedgerEntry> entries) {
  prepared_.clear();
  prepared_end_ = end_;
  for (const LedgerEntry& entry : entries) {
    prepared_ += LineOf(entry, prepared_end_);
  }
  // Behind the lines may be what a crash, or an attempt that failed, has left.
  if (ftruncate(fd_, size_) != 0) return NotWritten(errno, path_, "truncate");
  // Without a newline it is no line.
  std::string room = prepared_;
  absl::c_replace(room, '\n', ' ');
  const absl::Status status = Write(room);
  if (!status.ok()) {
    // If this fails, too, the next attempt does it.
    [[maybe_unused]] const int ignored = ftruncate(fd_, size_);
  }
  return status;
}

absl::Status LedgerLog::Confirm() {
  // Also after an attempt that failed: a system that could not write a page to
  // the disk may take it for written.
  SHOAL_RETURN_IF_ERROR(Write(prepared_));
  if (fsync(fd_) != 0) return NotWritten(errno, path_, "fsync");
  size_ += static_cast<int64_t>(prepared_.size());
  end_ = prepared_end_;
  prepared_.clear();
  return absl::OkStatus();
}

absl::Status LedgerLog::Append(absl::Span<const LedgerEntry> entries) {
  if (entries.empty()) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(Prepare(entries));
  const absl::Status status = Confirm();
  if (!status.ok()) {
    // If this fails, too, the next attempt does it.
    [[maybe_unused]] const int ignored = ftruncate(fd_, size_);
  }
  return status;
}

}  // namespace shoal::coordinator
