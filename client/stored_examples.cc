#include "client/stored_examples.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace shoal::client {

void StoredExamples::Append(std::shared_ptr<const MappedFile> segment,
                            int64_t first, int64_t count) {
  const int64_t offset = kSegmentHeaderBytes + first * record_bytes_;
  const absl::string_view bytes = segment->bytes();
  SHOAL_CHECK(std::ssize(bytes) >= offset + count * record_bytes_);
  num_examples_ += count;
  pieces_.push_back({std::move(segment), bytes.data() + offset, num_examples_});
}

RecordView StoredExamples::At(int64_t index) const {
  const auto piece = std::upper_bound(
      pieces_.begin(), pieces_.end(), index,
      [](int64_t wanted, const Piece& p) { return wanted < p.end; });
  SHOAL_CHECK(index >= 0 && piece != pieces_.end());
  const int64_t begin = piece == pieces_.begin() ? 0 : std::prev(piece)->end;
  return RecordView(shape_, {piece->records + (index - begin) * record_bytes_,
                             static_cast<size_t>(record_bytes_)});
}

int32_t StoredExamples::label(int64_t index) const {
  return At(index).first_label();
}

}  // namespace shoal::client
