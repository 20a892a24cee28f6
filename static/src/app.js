// What scripts add to every page. All of it works without them; see docs/decisions/007-no-script-first.md.
import { dialogs } from "./app/dialogs.js";
import { times } from "./app/times.js";
import { small } from "./app/small.js";
import { database } from "./app/database.js";
import { access } from "./app/access.js";

times();
dialogs();
small();
database();
access();
