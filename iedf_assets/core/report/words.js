"use strict";
// The words of the report, in both languages.

const WORDS = {
  en: {
    title: "Image edit dataset", switch: "中文", keys: "Keys", order: "Reverse the order", category: "Category",
    kind: "Edit", verdict: "Verdict", check: "Failed check", search: "Search texts and ids", sort: "Sort by",
    all: "all", published: "published", rejected: "rejected", accounts: "Accounts and survival",
    histograms: "Scores and their limits", hits: (n, all) => `${n} of ${all}`, none: "No pair fits these filters.",
    totals: (n, good) => `${n} pairs judged, ${good} published (${n ? Math.round(100 * good / n) : 0} %)`,
    mask: "Mask", difference: "Difference ×4", close: "Close", previous: "Previous", next: "Next", failed: "Failed",
    accept: "Accept", reject: "Reject", clear: "Clear", reviewed: "A person said",
    review_note: "Reviews count in the next run.", score: "score", value: "value", limit: "limit", sample: "sample",
    outcome: "outcome", task: "task", reason: "reason", sources: "sources", found: "found", accepted: "accepted",
    decomposed: "decomposed", planned: "edits planned", tries: "tries", rendered: "rendered", finished: "finished",
    natural: "publication", licence: "photo's licence", pairs: "pairs published", recipe: "Recipe", source: "Photo",
    help: ["Keys", "Arrows: move in the grid", "Enter: open the pair", "j, k: next and previous pair",
      "← →: move the slider", "m: mask, d: difference", "a, r, c: accept, reject, clear (when served for review)",
      "/: search, l: language, Esc: close"],
  },
  zh: {
    title: "图像编辑数据集", switch: "English", keys: "快捷键", order: "反转顺序", category: "类别", kind: "编辑类型",
    verdict: "判定", check: "未通过的检查", search: "搜索指令与编号", sort: "排序", all: "全部", published: "已发布",
    rejected: "已拒绝", accounts: "账目与存留", histograms: "分数与阈值", hits: (n, all) => `${n} / ${all}`,
    none: "没有符合条件的样本对。",
    totals: (n, good) => `共判定 ${n} 对，发布 ${good} 对（${n ? Math.round(100 * good / n) : 0}%）`,
    mask: "掩码", difference: "差异 ×4", close: "关闭", previous: "上一个", next: "下一个", failed: "未通过",
    accept: "接受", reject: "拒绝", clear: "清除", reviewed: "人工审核", review_note: "审核结果在下一次运行时生效。",
    score: "分数", value: "数值", limit: "阈值", sample: "样本", outcome: "结果", task: "任务", reason: "原因",
    sources: "照片数", found: "找到", accepted: "接受", decomposed: "已分层", planned: "计划编辑", tries: "尝试", rendered: "已生成",
    finished: "已完成", natural: "发布顺序", licence: "照片许可", pairs: "已发布样本对", recipe: "配方", source: "照片",
    help: ["快捷键", "方向键：在网格中移动", "回车：打开样本对", "j、k：下一个、上一个", "← →：移动滑块",
      "m：掩码，d：差异", "a、r、c：接受、拒绝、清除（审核模式）", "/：搜索，l：切换语言，Esc：关闭"],
  },
};
const OUTCOMES_ZH = { published: "已发布", rejected: "已拒绝", filtered: "已过滤", failed: "失败", pending: "待处理" };
