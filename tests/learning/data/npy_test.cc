#include "learning/data/npy.h"

#include <cstring>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/files.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()),
          values.size() * sizeof(T)};
}

class NpyTest : public ::testing::Test {
 protected:
  std::string Write(absl::string_view bytes) {
    return WriteFile(folder_.path(), "a.npy", bytes);
  }
  absl::StatusOr<NpyArray> Open(absl::string_view dictionary,
                                absl::string_view values) {
    return OpenNpy(Write(NpyBytes(dictionary, values)));
  }
  std::vector<float> Row(const NpyArray& array, int64_t row) {
    std::vector<float> values(array.num_columns);
    SHOAL_EXPECT_OK(ForEachRow(
        array.rows, {row}, [&](size_t, absl::Span<const char> bytes) {
          DecodeFloats(array, bytes, absl::MakeSpan(values));
          return absl::OkStatus();
        }));
    return values;
  }
  TemporaryFolder folder_;
};

TEST_F(NpyTest, ReadsFloat32) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const NpyArray array,
      Open("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
           Bytes<float>({1, 2, 3, 4, 5, -0.5})));
  EXPECT_EQ(array.rows.num_rows, 2);
  EXPECT_EQ(array.num_columns, 3);
  EXPECT_THAT(Row(array, 1), ElementsAre(4, 5, -0.5));
}

TEST_F(NpyTest, ReadsFloat64) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const NpyArray array,
      Open("{'shape':(2,2),'descr':'<f8','fortran_order':False}",
           Bytes<double>({1, 2, 3, 0.25})));
  EXPECT_THAT(Row(array, 1), ElementsAre(3, 0.25));
}

TEST_F(NpyTest, ReadsIntegers) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const NpyArray bytes,
      Open("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }",
           Bytes<uint8_t>({7, 0, 255})));
  EXPECT_THAT(ReadIntegers(bytes), IsOkAndHolds(ElementsAre(7, 0, 255)));
  EXPECT_THAT(Row(bytes, 2), ElementsAre(255));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const NpyArray longs,
      Open("{'descr': '<i8', 'fortran_order': False, 'shape': (2, 1), }",
           Bytes<int64_t>({-5, int64_t{1} << 40})));
  EXPECT_THAT(ReadIntegers(longs),
              IsOkAndHolds(ElementsAre(-5, int64_t{1} << 40)));
  EXPECT_THAT(Row(longs, 0), ElementsAre(-5));
}

TEST_F(NpyTest, ReadsVersionTwo) {
  const std::string header =
      "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }\n";
  std::string bytes("\x93NUMPY\x02\x00", 8);
  bytes.push_back(static_cast<char>(header.size()));
  bytes.append(3, '\0');
  SHOAL_ASSERT_OK_AND_ASSIGN(const NpyArray array,
                             OpenNpy(Write(bytes + header + "\x2a")));
  EXPECT_THAT(ReadIntegers(array), IsOkAndHolds(ElementsAre(42)));
}

TEST_F(NpyTest, FloatsAreNoIntegers) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const NpyArray array,
      Open("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
           Bytes<float>({1})));
  EXPECT_THAT(ReadIntegers(array),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("integers")));
}

TEST_F(NpyTest, SizeThatIsNotTheHeadersIsDataLoss) {
  const char* const header =
      "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }";
  SHOAL_EXPECT_OK(Open(header, "1234"));
  EXPECT_THAT(Open(header, "123"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("truncated")));
  EXPECT_THAT(Open(header, "12345"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("too long")));
}

struct BadHeader {
  const char* name;
  const char* dictionary;
  const char* error;
};

class BadNpyHeaderTest : public ::testing::TestWithParam<BadHeader> {};

TEST_P(BadNpyHeaderTest, IsDataLoss) {
  TemporaryFolder folder;
  const std::string path = WriteFile(folder.path(), "a.npy",
                                     NpyBytes(GetParam().dictionary, "1234"));
  EXPECT_THAT(OpenNpy(path), StatusIs(absl::StatusCode::kDataLoss,
                                      HasSubstr(GetParam().error)));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadNpyHeaderTest,
    ::testing::Values(
        BadHeader{"NoDictionary", "descr", "not a dictionary"},
        BadHeader{"NotClosed", "{'descr': '|u1', 'fortran_order': False,",
                  "not a dictionary"},
        BadHeader{"KeyMissing", "{'descr': '|u1', 'shape': (4,), }",
                  "not a dictionary"},
        BadHeader{"KeyTwice",
                  "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, "
                  "'shape': (4,), }",
                  "not a dictionary"},
        BadHeader{"KeyUnknown",
                  "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), "
                  "'x': 1}",
                  "not a dictionary"},
        BadHeader{"TextBehind",
                  "{'descr': '|u1', 'fortran_order': False, 'shape': (4,)} x",
                  "not a dictionary"},
        BadHeader{"NoComma",
                  "{'descr': '|u1' 'fortran_order': False, 'shape': (4,)}",
                  "not a dictionary"},
        BadHeader{"NegativeSize",
                  "{'descr': '|u1', 'fortran_order': False, 'shape': (-4,)}",
                  "not a dictionary"},
        BadHeader{"HugeNumber",
                  "{'descr': '|u1', 'fortran_order': False, 'shape': "
                  "(99999999999999999999,)}",
                  "not a dictionary"},
        BadHeader{"BigEndian",
                  "{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}",
                  "'>f4', expected <f4"},
        BadHeader{"Structured",
                  "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': "
                  "(1,)}",
                  "not a dictionary"},
        BadHeader{"FortranOrder",
                  "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2)}",
                  "expected C order"},
        BadHeader{"Scalar",
                  "{'descr': '|u1', 'fortran_order': False, 'shape': ()}",
                  "shape ()"},
        BadHeader{"ThreeDimensions",
                  "{'descr': '|u1', 'fortran_order': False, 'shape': "
                  "(1, 2, 2)}",
                  "shape (1, 2, 2)"},
        BadHeader{"Empty",
                  "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 4)}",
                  "shape (0, 4)"},
        BadHeader{"TooLarge",
                  "{'descr': '<f8', 'fortran_order': False, 'shape': "
                  "(4611686018427387904, 4)}",
                  "expected one or two dimensions of 1 to"}),
    [](const auto& info) { return info.param.name; });

TEST_F(NpyTest, WrongMagicVersionOrLengthIsDataLoss) {
  EXPECT_THAT(OpenNpy(Write("PK\x03\x04 not an array")),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no .npy file")));
  EXPECT_THAT(OpenNpy(Write(std::string("\x93NUMPY\x03\x00", 8))),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("version 3.0")));
  EXPECT_THAT(OpenNpy(Write("\x93NUM")),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("truncated")));
  EXPECT_THAT(
      OpenNpy(Write(std::string("\x93NUMPY\x02\x00\xff\xff\xff\x7f", 12))),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("expected at most")));
}

}  // namespace
}  // namespace shoal::learning
