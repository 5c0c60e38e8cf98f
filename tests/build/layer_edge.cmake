# One edge: see layers_test.cmake.
include(${SOURCE}/cmake/ShoalLayers.cmake)
_shoal_check_edge(${FROM} ${TO} "test")
