// A text from its beginning to its end, as tokens and whose they are.
#ifndef SHOAL_LEARNING_DATA_TEXT_READER_H_
#define SHOAL_LEARNING_DATA_TEXT_READER_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace shoal::learning {

// Calls `visit` with every token (learning/data/text.h) of a file and the
// number of its speaker: from 0, in the order in which they first appear; -1
// before the first one. With `by_speaker` false nothing is taken for a name,
// empty lines count, and all is of speaker 0. Gzipped files are read too; at
// most 64 bytes of a line are kept.
absl::Status ReadText(
    const std::string& path, bool by_speaker,
    absl::FunctionRef<void(int32_t speaker, int32_t token)> visit);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_TEXT_READER_H_
