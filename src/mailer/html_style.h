// The style sheet of the HTML part. Classes only: mail programs that drop it still show a readable page.
#pragma once

#include <string_view>

namespace customer_import::mailer {

inline constexpr std::string_view kHtmlStyle = R"css(
:root{color-scheme:light dark;supported-color-schemes:light dark}
body{margin:0;padding:0;background:#f3f4f6;color:#1b2330;-webkit-text-size-adjust:100%}
table{border-collapse:collapse;border-spacing:0}
td,th{padding:0;vertical-align:top;text-align:left;font-weight:400}
h1,h2,h3,p,ol,pre{margin:0;padding:0}
body,td,th{font-family:-apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Liberation Sans",sans-serif;font-size:15px;line-height:1.5}
.mono,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:13px}
.page{padding:28px 12px 36px}
.card{max-width:640px;margin:0 auto;background:#ffffff;border:1px solid #e4e7ec;border-radius:14px;overflow:hidden}
.band{height:4px;font-size:0;line-height:0}
.inner{padding:26px 32px 30px}
.eyebrow{font-size:13px;color:#667085;letter-spacing:.02em}
h1{font-size:25px;line-height:1.25;font-weight:650;letter-spacing:-.015em;padding:4px 0 8px}
.lead{font-size:16px;color:#475467;overflow-wrap:anywhere;word-break:break-word}
.bar{width:100%;table-layout:fixed;margin-top:24px;border-radius:6px;overflow:hidden}
.bar td{height:12px;font-size:0;line-height:0;border-left:2px solid #ffffff}
.bar td.first{border-left:0}
.tiles{padding-top:14px}
.tile{display:inline-block;min-width:92px;padding:4px 18px 4px 0;vertical-align:top}
.number{display:block;font-size:22px;line-height:1.25;font-weight:600;letter-spacing:-.01em;font-variant-numeric:tabular-nums}
.label{display:block;font-size:13px;color:#667085;white-space:nowrap}
.dot{display:inline-block;width:8px;height:8px;border-radius:4px;margin-right:6px}
.created{background:#1f9d6b}.updated{background:#3b78d8}.unchanged{background:#a8b1bf}.skipped{background:#d9a41f}
.rejected{background:#d64545}.deleted{background:#8b63d1}.unprocessed{background:#d5dae1}
.good{background:#1f9d6b}.attention{background:#d9a41f}.bad{background:#d64545}
.facts{width:100%;margin-top:22px;border-top:1px solid #e4e7ec}
.facts td{padding:7px 0;border-bottom:1px solid #eef0f3;overflow-wrap:anywhere;word-break:break-word}
.facts td.name{width:112px;padding-right:12px;color:#667085;white-space:nowrap;word-break:normal}
h2{font-size:17px;line-height:1.3;font-weight:650;padding:30px 0 2px;letter-spacing:-.005em}
.note{margin-top:22px;padding:12px 14px;background:#fff8e6;border:1px solid #f3e2b0;border-radius:10px;color:#6b4e00}
.note p{padding:2px 0;overflow-wrap:anywhere;word-break:break-word}
.reason{margin-top:14px;border:1px solid #e4e7ec;border-radius:10px;overflow:hidden}
.title{padding:12px 14px 10px}
.title h3{font-size:15px;line-height:1.4;font-weight:600}
.title h3 .many{color:#667085;font-weight:400;white-space:nowrap}
.advice{font-size:14px;color:#667085}
.list{width:100%;table-layout:fixed}
.list td,.list th{padding:9px 14px;border-top:1px solid #eef0f3;font-size:14px;overflow-wrap:anywhere;word-break:break-word}
.list th{font-size:12px;color:#667085}
.list .line{width:84px;padding-right:0;color:#667085;word-break:normal;font-variant-numeric:tabular-nums}
.list .count{width:64px;text-align:right;font-variant-numeric:tabular-nums}
.value{padding:1px 5px;background:#f2f4f7;border-radius:4px;color:#1b2330;-webkit-box-decoration-break:clone;box-decoration-break:clone}
.why{display:block;padding-top:3px;color:#475467}.why.only{padding-top:0}
.more{padding:9px 14px;border-top:1px solid #eef0f3;font-size:13px;color:#667085}
.steps{width:100%;margin-top:6px}
.steps td{padding:7px 0;overflow-wrap:anywhere;word-break:break-word}
.steps td.step{width:28px;color:#667085;font-variant-numeric:tabular-nums}
pre{margin-top:7px;padding:10px 12px;background:#f2f4f7;border-radius:8px;white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.5}
.foot{max-width:640px;margin:0 auto;padding:16px 4px 0;font-size:12px;color:#667085;text-align:center}
.preview{display:none;max-height:0;overflow:hidden;opacity:0}
@media (max-width:480px){
.page{padding:0 0 24px}.card{border-width:0 0 1px;border-radius:0}.inner{padding:22px 18px 26px}
h1{font-size:22px}.tile{min-width:68px;padding-right:10px}.number{font-size:20px}
.list td,.list th,.title,.more{padding-left:12px;padding-right:12px}.list .line{width:66px;padding-right:0}
.facts td.name{width:92px}
}
@media (prefers-color-scheme:dark){
body{background:#0e1116;color:#e6e9ee}
.card{background:#171b21;border-color:#282e37}
.bar td{border-color:#171b21}
.eyebrow,.label,.facts td.name,.advice,.list th,.list .line,.more,.steps td.step,.foot,.title h3 .many{color:#98a2b3}
.lead,.why{color:#bcc4d0}
.facts,.reason{border-color:#282e37}
.facts td,.list td,.list th,.more{border-color:#232932}
.value,pre{background:#232932;color:#e6e9ee}
.note{background:#2a2414;border-color:#4a3d18;color:#ecd28b}
.unchanged{background:#667080}.unprocessed{background:#3a424e}
.created,.good{background:#2fb380}.updated{background:#5590ea}.rejected,.bad{background:#e5605e}.skipped,.attention{background:#e0b13c}
}
)css";

}  // namespace customer_import::mailer
