// docs/reference/errors.md, generated from the tables of this folder. A test
// keeps the page and the tables equal.
#ifndef SHOAL_PROTOCOL_ERRORS_PAGE_H_
#define SHOAL_PROTOCOL_ERRORS_PAGE_H_

#include <string>

namespace shoal::protocol {

// The whole page, Markdown.
std::string ErrorsPage();

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_ERRORS_PAGE_H_
