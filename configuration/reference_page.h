// docs/reference/configuration.md, generated from the schemas. A test keeps
// the page and the schemas equal.
#ifndef SHOAL_CONFIGURATION_REFERENCE_PAGE_H_
#define SHOAL_CONFIGURATION_REFERENCE_PAGE_H_

#include <string>

namespace shoal::configuration {

// The whole page, Markdown.
std::string ConfigurationPage();

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_REFERENCE_PAGE_H_
