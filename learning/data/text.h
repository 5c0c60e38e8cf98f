// Texts as sequences of characters: every position's label is the character
// that comes next. Plays have speakers, who are natural devices.
#ifndef SHOAL_LEARNING_DATA_TEXT_H_
#define SHOAL_LEARNING_DATA_TEXT_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "learning/data/example_pool.h"

namespace shoal::learning {

// The vocabulary is that of no file, so that devices need not agree on one:
// 0 to 94 are the printable characters of ASCII, from space to tilde in their
// order, 95 is the end of a line, 96 is any other character.
inline constexpr int kTextVocabulary = 97;

// The token of a byte of UTF-8; -1 for bytes that begin no character (those
// that continue one) and for carriage returns, which are passed over.
int32_t TextToken(unsigned char byte);

// Examples are windows of source.length characters that do not overlap; the
// features are their tokens, the labels those one character on. What is left
// at the end of a text is no window.
//
// A line "NAME:" (at most 64 bytes) at the beginning of the file or behind an
// empty line starts a speech of NAME; it lasts until the next one. The text of
// a speaker is the lines of all speeches, without those lines and without empty
// ones. Speakers whose text has fewer than 10 windows are left out. Where at
// least two speakers remain and have half of the file's characters, they are
// the natural devices, in the order in which they appear; otherwise the whole
// file is one text, and its natural devices are consecutive parts of it.
//
// The last tenth (rounded down) of the windows of every speaker, or of the
// file, is held out.
//
// Opening reads the file and keeps a number for every window, not the text;
// loading reads it again for the windows that are asked for. NOT_FOUND: no such
// file. INVALID_ARGUMENT: a length outside [1, 65536]; too little text; more
// than half of the characters are "any other". DATA_LOSS: SHA256SUMS differs,
// or the file has changed since it was opened.
absl::StatusOr<std::unique_ptr<ExamplePool>> OpenText(const TextSource& source);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_TEXT_H_
