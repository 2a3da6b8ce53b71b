// Each behaviour of the pages is one Stimulus controller; a page names those it wants in `data-controller`.

import { Application } from "../vendor/stimulus/stimulus-3.2.2.js";
import ApiForm from "./controllers/api_form_controller.js";
import Classes from "./controllers/classes_controller.js";
import Grid from "./controllers/grid_controller.js";
import Hotkeys from "./controllers/hotkeys_controller.js";
import Job from "./controllers/job_controller.js";
import LargeView from "./controllers/large_view_controller.js";
import LeanForm from "./controllers/lean_form_controller.js";
import Live from "./controllers/live_controller.js";
import Lot from "./controllers/lot_controller.js";
import Marking from "./controllers/marking_controller.js";
import NewPool from "./controllers/new_pool_controller.js";
import Notice from "./controllers/notice_controller.js";
import Opener from "./controllers/opener_controller.js";
import Outlook from "./controllers/outlook_controller.js";
import Paint from "./controllers/paint_controller.js";
import Pictures from "./controllers/pictures_controller.js";
import Relabel from "./controllers/relabel_controller.js";
import ReviewBar from "./controllers/review_bar_controller.js";
import Review from "./controllers/review_controller.js";
import Stack from "./controllers/stack_controller.js";
import Start from "./controllers/start_controller.js";
import TileSize from "./controllers/tile_size_controller.js";
import When from "./controllers/when_controller.js";

const application = Application.start();
application.register("api-form", ApiForm);
application.register("classes", Classes);
application.register("grid", Grid);
application.register("hotkeys", Hotkeys);
application.register("job", Job);
application.register("large-view", LargeView);
application.register("lean-form", LeanForm);
application.register("live", Live);
application.register("lot", Lot);
application.register("marking", Marking);
application.register("new-pool", NewPool);
application.register("notice", Notice);
application.register("opener", Opener);
application.register("outlook", Outlook);
application.register("paint", Paint);
application.register("pictures", Pictures);
application.register("relabel", Relabel);
application.register("review-bar", ReviewBar);
application.register("review", Review);
application.register("stack", Stack);
application.register("start", Start);
application.register("tile-size", TileSize);
application.register("when", When);

// A page that the browser froze and shows again tells numbers of then; marks and what is on its way are remembered.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
