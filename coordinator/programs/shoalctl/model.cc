// shoalctl model: list, show, download.
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "coordinator/programs/shoalctl/commands.h"
#include "coordinator/programs/shoalctl/text.h"

namespace shoal::shoalctl {
namespace {

struct Options {
  ListOptions list;
  std::string model;
  std::string out;
  bool force = false;
};

std::string ModelsTable(const v1::ListModelsResponse& list) {
  const absl::Time now = absl::Now();
  Table table({"VERSION", "DIGEST", "PARAMETERS", "SIZE", "CONTRIBUTORS",
               "ROUND", "CREATED"});
  for (const v1::ModelReport& model : list.models()) {
    table.Add({absl::StrCat(model.version()), ShortDigest(model.digest()),
               absl::StrCat(model.num_parameters()), Bytes(model.num_bytes()),
               absl::StrCat(model.contributors()),
               model.round_id() == 0 ? "-" : absl::StrCat(model.round_id()),
               Since(model.has_created(), model.created(), now)});
  }
  return table.ToString();
}

std::string ModelFields(const v1::ModelReport& model) {
  return FieldsText(
      {{"digest", FullDigest(model.digest())},
       {"task", model.task()},
       {"version", absl::StrCat(model.version())},
       {"parameters", absl::StrCat(model.num_parameters())},
       {"size", Bytes(model.num_bytes())},
       {"contributors", absl::StrCat(model.contributors())},
       {"round", model.round_id() == 0 ? "-" : absl::StrCat(model.round_id())},
       {"parent", FullDigest(model.parent())},
       {"created", Exact(model.has_created(), model.created(), absl::Now())}});
}

absl::StatusOr<v1::ModelReport> GetModel(Shell& shell,
                                         const std::string& text) {
  v1::GetModelRequest request;
  request.set_digest_prefix(text);
  v1::ModelReport model;
  SHOAL_RETURN_IF_ERROR(shell.Call(&v1::Admin::Stub::GetModel, request, model));
  return model;
}

absl::Status List(Shell& shell, const Options& options) {
  v1::ListModelsResponse list;
  SHOAL_RETURN_IF_ERROR(
      CallList(shell, &v1::Admin::Stub::ListModels, options.list, list));
  shell.Print(list, [&] { return ModelsTable(list); });
  return absl::OkStatus();
}

absl::Status Show(Shell& shell, const Options& options) {
  SHOAL_ASSIGN_OR_RETURN(const v1::ModelReport model,
                         GetModel(shell, options.model));
  shell.Print(model, [&] { return ModelFields(model); });
  return absl::OkStatus();
}

absl::StatusOr<std::string> Fetch(Shell& shell, const v1::ModelReport& model) {
  SHOAL_ASSIGN_OR_RETURN(v1::Admin::Stub * stub, shell.Admin());
  v1::DownloadModelRequest request;
  request.set_digest(model.digest());
  grpc::ClientContext context;
  const auto stream = stub->DownloadModel(&context, request);
  std::string bytes;
  v1::ModelChunk chunk;
  while (stream->Read(&chunk)) bytes += chunk.data();
  SHOAL_RETURN_IF_ERROR(shell.FromCall(stream->Finish()));
  if (Sha256(bytes).AsBytes() != model.digest()) {
    return absl::DataLossError(
        absl::StrCat("what arrived (", bytes.size(),
                     " bytes) is not the model ", ShortDigest(model.digest()),
                     " (", model.num_bytes(), " bytes); try again"));
  }
  return bytes;
}

// Whether a file may be written there.
absl::Status CheckDestination(const std::string& path, bool force) {
  std::error_code
      error;  // then there is nothing, or writing says what is wrong
  const std::filesystem::file_status there =
      std::filesystem::status(path, error);
  if (std::filesystem::is_directory(there)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is a folder, expected a file to write"));
  }
  if (std::filesystem::exists(there) && !force) {
    return absl::AlreadyExistsError(absl::StrCat(
        path,
        ": exists already; --force overwrites it, --out FILE writes "
        "another"));
  }
  return absl::OkStatus();
}

absl::Status Download(Shell& shell, const Options& options) {
  SHOAL_ASSIGN_OR_RETURN(const v1::ModelReport model,
                         GetModel(shell, options.model));
  const std::string path =
      options.out.empty()
          ? absl::StrCat(model.task(), "-", model.version(), ".shoal")
          : options.out;
  SHOAL_RETURN_IF_ERROR(CheckDestination(path, options.force));
  SHOAL_ASSIGN_OR_RETURN(const std::string bytes, Fetch(shell, model));
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(path, bytes));
  shell.Print(model, [&] {
    return absl::StrCat("wrote version ", model.version(), " of ", model.task(),
                        " (", Bytes(bytes.size()), ", sha256 ",
                        FullDigest(model.digest()), ") to ", path, "\n");
  });
  return absl::OkStatus();
}

}  // namespace

void AddModelCommands(CLI::App& app, Shell& shell) {
  CLI::App* noun = AddNoun(app, "model", "committed versions of models");
  auto options = std::make_shared<Options>();  // shared with the callbacks
  const char* what = "TASK (its newest), TASK@VERSION, or a digest's start";
  CLI::App* list = AddVerb(*noun, shell, "list", "list versions, newest first",
                           "shoalctl model list digits",
                           [&shell, options] { return List(shell, *options); });
  AddListOptions(*list, options->list);
  AddVerb(*noun, shell, "show", "show one version",
          "shoalctl model show digits@12",
          [&shell, options] { return Show(shell, *options); })
      ->add_option("MODEL", options->model, what)
      ->required();
  CLI::App* download =
      AddVerb(*noun, shell, "download", "write one version to a file",
              "shoalctl model download digits --out digits.shoal",
              [&shell, options] { return Download(shell, *options); });
  download->add_option("MODEL", options->model, what)->required();
  download->add_option("--out", options->out,
                       "file to write (default: TASK-VERSION.shoal)");
  download->add_flag("--force", options->force,
                     "overwrite the file when it exists");
}

}  // namespace shoal::shoalctl
