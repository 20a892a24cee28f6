// The parts of ECharts that the dashboards draw with; the script `echarts` is these and no more.
import { use } from "echarts/core";
import { CustomChart, GaugeChart, LineChart, ScatterChart } from "echarts/charts";
import {
  AxisPointerComponent, DataZoomComponent, GraphicComponent, GridComponent, MarkAreaComponent, MarkLineComponent, ToolboxComponent, TooltipComponent,
} from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";

use([
  LineChart, GaugeChart, ScatterChart, CustomChart,
  GridComponent, DataZoomComponent, ToolboxComponent, TooltipComponent, AxisPointerComponent, MarkAreaComponent, MarkLineComponent, GraphicComponent,
  CanvasRenderer,
]);

export * from "echarts/core";
