# cmake -DSOURCE=… -P layers_test.cmake: allowed edges of the layer table pass,
# forbidden ones stop the configuration.
include(${SOURCE}/cmake/ShoalLayers.cmake)

# Runs one edge in a process of its own, because a forbidden one is fatal.
function(expect from to allowed)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${SOURCE} -DFROM=${from} -DTO=${to}
            -P ${SOURCE}/tests/build/layer_edge.cmake
    RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
  if(allowed AND result)
    message(FATAL_ERROR "${from} must be able to use ${to}")
  elseif(NOT allowed AND NOT result)
    message(FATAL_ERROR "${from} must not be able to use ${to}")
  endif()
endfunction()

expect(learning base TRUE)
expect(aggregation learning TRUE)
expect(coordinator/service coordinator/engine TRUE)
expect(coordinator/engine aggregation TRUE)
expect(simulations coordinator/engine TRUE)
expect(learning/data learning TRUE)
expect(base learning FALSE)
expect(learning proto FALSE)
expect(aggregation client FALSE)
expect(client coordinator/engine FALSE)
expect(coordinator/engine coordinator/store FALSE)
expect(coordinator/store coordinator/service FALSE)
expect(unheard_of base FALSE)

# The picture in the docs is drawn from the table as it is.
string(RANDOM LENGTH 8 suffix)
set(drawn ${CMAKE_CURRENT_BINARY_DIR}/layers-${suffix}.svg)
execute_process(COMMAND ${CMAKE_COMMAND} -DOUT=${drawn}
                        -P ${SOURCE}/cmake/draw_layers.cmake)
execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${drawn}
                        ${SOURCE}/docs/explanation/layers.svg
                RESULT_VARIABLE differs)
file(REMOVE ${drawn})
if(differs)
  message(FATAL_ERROR "docs/explanation/layers.svg is out of date: run "
          "cmake -DOUT=docs/explanation/layers.svg -P cmake/draw_layers.cmake")
endif()
