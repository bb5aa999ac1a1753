"""How the report looks: one style sheet, light and dark, on screen and on paper."""

import base64
import hashlib
from typing import Final

STYLE: Final = """
:root{--paper:#fff;--ink:#1c2128;--soft:#57606a;--line:#d8dee4;--wash:#f6f8fa;--blue:#1f5fbf;--blue-wash:#c9dcf5;
--amber:#9a5b00;--amber-wash:#f6dfb8;--red:#b3261e;--shade:#8c96a1}
@media (prefers-color-scheme:dark){:root{--paper:#14181d;--ink:#e6eaef;--soft:#9aa4af;--line:#313943;--wash:#1b2127;
--blue:#7fb0f5;--blue-wash:#22406b;--amber:#e0a954;--amber-wash:#4d3a17;--red:#ff8a80;--shade:#6b7580}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:62rem;margin:0 auto;padding:2.5rem 1.5rem 4rem}
header{border-bottom:2px solid var(--ink);padding-bottom:1.25rem;margin-bottom:2rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .3rem;letter-spacing:-.01em}
h2{font-size:1.2rem;margin:2.75rem 0 .25rem}
h3{font-size:.95rem;margin:1.5rem 0 .35rem}
p{margin:.25rem 0 .9rem;max-width:46rem}
.lead,.note,figcaption,dt{color:var(--soft)}
.note,figcaption{font-size:.87rem}
.scroll + .note{font-size:.8rem;margin-top:0}
code,.digest{font:.86em/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.9rem;margin:1rem 0}
.tile{border:1px solid var(--line);border-radius:8px;padding:.85rem 1rem;background:var(--wash)}
.tile .name{font-size:.85rem;color:var(--soft)}
.tile .value{font-size:1.75rem;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums}
.tile .range{font-size:.83rem;color:var(--soft);font-variant-numeric:tabular-nums}
.tile svg{margin:.35rem 0 .1rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;margin:.4rem 0 .6rem}
th,td{padding:.36rem .8rem .36rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:middle}
thead th{color:var(--soft);font-weight:500;font-size:.83rem;border-bottom-color:var(--shade)}
tbody th{font-weight:500}
.n{text-align:right;padding-right:1.5rem}
td.bar{width:15rem;white-space:nowrap}
tr.all th,tr.all td{background:var(--wash);font-weight:600}
.problem{color:var(--red)}
svg{display:block;max-width:100%;height:auto}
td.bar svg{min-width:9rem}
svg text{fill:var(--soft);font:11px system-ui,-apple-system,"Segoe UI",sans-serif}
.track{fill:var(--line)}
.reach{fill:var(--blue-wash)}
.point{fill:var(--blue)}
.mark{stroke:var(--shade);stroke-width:1;stroke-dasharray:2 2}
.axis{stroke:var(--shade);stroke-width:1;fill:none}
.grid{stroke:var(--line);stroke-width:1}
.curve{stroke:var(--blue);stroke-width:1.5;fill:none}
.whisker{stroke:var(--blue);stroke-width:1.5}
.part-fit{fill:var(--blue)}
.part-tune{fill:var(--shade)}
.part-holdout{fill:var(--amber)}
.part-out{fill:var(--line)}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;list-style:none;padding:0;margin:.5rem 0 1rem;font-size:.9rem}
.legend li{display:flex;align-items:center;gap:.45rem}
.side{display:grid;grid-template-columns:minmax(18rem,24rem) 1fr;gap:1rem 2.5rem;align-items:start}
@media (max-width:44rem){.side{grid-template-columns:1fr}}
figure{margin:.5rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.4rem;margin:.6rem 0}
dd{margin:0}
details{margin-top:1rem}
summary{cursor:pointer;color:var(--blue)}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.85rem}
@media print{main{max-width:none;padding:0}h2{break-after:avoid}table,figure,.tile{break-inside:avoid}}
""".strip()

POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'"
)
